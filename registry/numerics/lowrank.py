"""Products of two thin matrices, measured from their factors: the product itself is never formed.

With left = Q R and right^T = P S (QR), the product is Q (R S^T) P^T, so that the small core R S^T
has its singular values and its Frobenius norm. QR, not Cholesky: a factor may be rank-deficient, or
zero.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from registry.numerics.arrays import Values, as_array, float64
from registry.numerics.gram_spectrum import largest_magnitude
from registry.numerics.moments import Moments
from registry.numerics.spectrum import Spectrum

ROWS_AT_ONCE = 2048  # of a factor, converted to float64 and factorised in the cache
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Side:
    """One factor, k x r with its r inner dimensions as columns, cut down to what the product needs.

    Attributes:
        sums: r column sums.
        triangle: R of its QR, min(kept, r) x r.

    Both are of the rows without NaN or infinities, of which there are `kept` out of `count`,
    divided by `scale`, so that squares stay inside float64's range.
    """

    sums: np.ndarray
    triangle: np.ndarray
    scale: float
    kept: int
    count: int


class Measured(NamedTuple):
    """What the factors say of a product."""

    moments: Moments
    spectrum: Spectrum


def side(factor: Values) -> Side:
    """Return the summary of a k x r factor of any floating type: left as it is, right transposed.

    The triangles of the blocks have the triangle of the whole.
    """
    array = as_array(factor)
    scale = largest_magnitude(array) or 1.0
    triangles, block_sums = [], []
    kept = 0
    for start in range(0, max(1, len(array)), ROWS_AT_ONCE):
        rows = finite_rows(float64(array[start : start + ROWS_AT_ONCE]) / scale)
        triangles.append(triangle_of(rows))
        block_sums.append(rows.sum(0))
        kept += len(rows)

    triangle = triangles[0] if len(triangles) == 1 else triangle_of(np.concatenate(triangles))
    sums = np.sum(block_sums, axis=0)
    return Side(sums, triangle, scale, kept, len(array))


def triangle_of(rows: np.ndarray) -> np.ndarray:
    """Return R of the QR factorisation."""
    return np.asarray(np.linalg.qr(rows, mode="r"))


def finite_rows(rows: np.ndarray) -> np.ndarray:
    """Return the rows, of numbers up to 1, without those that hold NaN or infinities."""
    if math.isfinite(rows.sum()):  # then every number is
        return rows
    kept: np.ndarray = rows[np.isfinite(rows).all(1)]
    return kept


def product(left: Side, right: Side, scaling: float, rank: int) -> Measured:
    """Return moments and the `rank` largest singular values of scaling * left @ right^T, falling.

    A NaN or infinity in a factor spoils a whole row or column of the product; these entries are
    left out and counted, as in a matrix that is measured entry by entry. What would need the
    entries themselves is unknown: the third and fourth powers, minimum and maximum. std is exact to
    about 1e-15 * (1 + (mean / std)^2). The singular values are exact to rounding of the factors:
    where these cancel in the product, that is relative to them and not to it.
    """
    scale = scaling * left.scale * right.scale
    values = np.linalg.svd(left.triangle @ right.triangle.T, compute_uv=False)

    count = left.kept * right.kept
    mean, mean_square = 0.0, 0.0
    if count:
        mean = float(left.sums @ right.sums) / count
        mean_square = float((values**2).sum()) / count  # |BA|_F^2 = sum of sigma^2
    std = math.sqrt(max(0.0, mean_square - mean**2))
    nonfinite = left.count * right.count - count
    moments = Moments.spread(count, mean * scale, std * abs(scale), nonfinite)

    norms = float(np.linalg.norm(left.triangle) * np.linalg.norm(right.triangle))
    operations = left.count + right.count + len(left.sums)
    bound = EPSILON * operations * norms * abs(scale)
    top = (values[:rank] * abs(scale)).tolist()
    return Measured(moments, Spectrum(tuple(top), (bound,) * len(top)))
