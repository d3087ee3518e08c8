"""Products of two thin matrices, measured from their factors: the product itself is never formed.

With left = Q R and right^T = P S (QR), the product is Q (R S^T) P^T, so that the small core R S^T
has its singular values and its Frobenius norm.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from registry.numerics.arrays import F64, Values, as_array, float32, float64
from registry.numerics.gram_spectrum import largest_magnitude
from registry.numerics.moments import Moments
from registry.numerics.spectrum import Spectrum
from registry.numerics.thin_products import lies_by_columns

ROWS_AT_ONCE = 2048  # of a factor, held as float64 in the cache
STEEP = 1e6  # condition to which a second Cholesky makes up for the first
NEAR = 0.1  # distance of an R from the identity, as that of orthonormal columns is
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


class Triangle(NamedTuple):
    """R of a QR factorisation, its inverse, and the product of their Frobenius norms."""

    triangle: np.ndarray
    inverse: np.ndarray
    condition: float


class Measured(NamedTuple):
    """What the factors say of a product."""

    moments: Moments
    spectrum: Spectrum


def side(factor: Values) -> Side:
    """Return the summary of a k x r factor of any float type: left as it is, right transposed."""
    array = as_array(factor)
    if array.dtype != F64:  # the squares of narrower types are inside float64's range
        easy = easy_side(array)
        if easy is not None:
            return easy
    scale = largest_magnitude(array) or 1.0
    rows = finite_rows(float64(array) / scale)
    return Side(rows.sum(0), triangle_of(rows), scale, len(rows), len(array))


def easy_side(array: np.ndarray) -> Side | None:
    """Return the summary if all is finite and of a condition that one Cholesky stands.

    The rows are converted a few at a time, and read once. Beside them stand ones, so that one
    product gives the sums too; a general one, for that of a few columns with themselves is slower.
    """
    count, rank = array.shape
    height = min(count, ROWS_AT_ONCE)
    by_columns = lies_by_columns(array)
    buffer = np.empty((rank + 1, height)).T if by_columns else np.empty((height, rank + 1))
    buffer[:, rank] = 1
    products = np.zeros((rank, rank + 1))
    for start in range(0, count, ROWS_AT_ONCE):
        part = array[start : start + ROWS_AT_ONCE]
        rows = buffer[: len(part)]
        rows[:, :rank] = float32(part)
        products += rows[:, :rank].T @ rows
    square, sums = products[:, :rank], products[:, rank]
    first = cholesky_triangle(square)
    if first is None or first.condition > math.sqrt(count):
        return None
    return Side(sums, first.triangle, 1.0, count, count)


def triangle_of(rows: np.ndarray) -> np.ndarray:
    """Return R of the QR factorisation, by Cholesky where that keeps the digits.

    Sums over m rows leave errors of eps sqrt(m) |X|^2 in X^T X, which R has times its condition:
    no more than the m eps that are allowed for where that is sqrt(m). Above, the rows over a first
    R are all but orthonormal, and their own R makes up for it. Where the condition is larger still,
    or columns are dependent, as those of B = 0, Householder's reflections serve.
    """
    first = cholesky_triangle(rows.T @ rows)
    if first is not None and first.condition <= math.sqrt(len(rows)):
        return first.triangle
    if first is not None:
        orthonormal = rows @ first.inverse
        second = cholesky_triangle(orthonormal.T @ orthonormal)
        if second is not None and near_identity(second.triangle):
            return np.asarray(second.triangle @ first.triangle)
    return np.asarray(np.linalg.qr(rows, mode="r"))


def near_identity(triangle: np.ndarray) -> bool:
    """Return whether rows with this R were all but orthonormal."""
    return bool(np.abs(triangle - np.eye(len(triangle))).max() <= NEAR)


def cholesky_triangle(square: np.ndarray) -> Triangle | None:
    """Return R from X^T X; None where that is singular or nearly so, or not finite."""
    try:
        lower = np.linalg.cholesky(square)
        inverse = np.linalg.inv(lower)
    except np.linalg.LinAlgError:
        return None
    condition = float(np.linalg.norm(lower) * np.linalg.norm(inverse))
    if not condition <= STEEP:
        return None
    return Triangle(lower.T, inverse.T, condition)


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
