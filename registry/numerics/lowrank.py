"""Products of two thin matrices, measured from their factors: the product itself is never formed.

With left = Q R and right^T = P S (QR), the product is Q (R S^T) P^T, so that the small core R S^T has its singular
values and its Frobenius norm. QR, not Cholesky: a factor may be rank-deficient, or zero.
"""

import math
from dataclasses import dataclass

import torch

from registry.numerics.gram_spectrum import largest
from registry.numerics.moments import Moments
from registry.numerics.spectrum import Spectrum

BLOCK = 2048  # rows of a factor that are turned to float64 at a time
EPSILON = torch.finfo(torch.float64).eps


@dataclass(frozen=True)
class Side:
    """One factor, k x r with its r inner dimensions as columns, cut down to what the product needs of it.

    sums: r column sums. triangle: R of its QR, min(kept, r) x r. Both are of the rows without NaN or infinities, of
    which there are `kept` out of `count`, divided by `scale`, so that squares stay inside float64's range.
    """

    sums: torch.Tensor
    triangle: torch.Tensor
    scale: float
    kept: int
    count: int


def side(factor: torch.Tensor) -> Side:
    """The summary of a k x r factor of any floating type: left as it is, right transposed.

    Block by block, each in the cache; the triangles of the blocks have the triangle of the whole.
    """
    scale = largest(factor) or 1.0
    blocks = [finite_rows(block.to(torch.float64).div(scale)) for block in factor.split(BLOCK)]
    triangles = [torch.linalg.qr(block, mode="r").R for block in blocks]
    triangle = (
        triangles[0] if len(triangles) == 1 else torch.linalg.qr(torch.cat(triangles), mode="r").R
    )
    sums = torch.stack([block.sum(0) for block in blocks]).sum(0)
    return Side(sums, triangle, scale, sum(len(block) for block in blocks), factor.shape[0])


def finite_rows(rows: torch.Tensor) -> torch.Tensor:
    """Without those that hold NaN or infinities; of numbers up to 1 the sum tells whether there are any."""
    return rows if rows.sum().isfinite() else rows[rows.isfinite().all(1)]


def product(left: Side, right: Side, scaling: float, rank: int) -> tuple[Moments, Spectrum]:
    """Moments and the `rank` largest singular values of scaling * left @ right^T, falling.

    A NaN or infinity in a factor spoils a whole row or column of the product; these entries are left out and counted,
    as in a matrix that is measured entry by entry. What would need the entries themselves is unknown: the third and
    fourth powers, minimum and maximum.
    std is exact to about 1e-15 * (1 + (mean / std)^2). The singular values are exact to rounding of the factors: where
    these cancel in the product, that is relative to them and not to it.
    """
    scale = scaling * left.scale * right.scale
    values = torch.linalg.svdvals(left.triangle @ right.triangle.T)
    count = left.kept * right.kept
    mean = float(left.sums @ right.sums) / count if count else 0.0
    square = float(values.square().sum()) / count if count else 0.0  # |BA|_F^2 = sum of sigma^2
    std = math.sqrt(max(0.0, square - mean**2))
    moments = Moments.spread(
        count, mean * scale, std * abs(scale), left.count * right.count - count
    )
    factors = float(left.triangle.norm() * right.triangle.norm())
    bound = EPSILON * (left.count + right.count + len(left.sums)) * factors * abs(scale)
    largest_values = tuple((values[:rank] * abs(scale)).tolist())
    return moments, Spectrum(largest_values, (bound,) * len(largest_values))
