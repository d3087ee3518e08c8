"""Singular values as roots of the eigenvalues of the Gram matrix.

This is the way for small matrices, for many values, and for hard cases. It is summed in float64, or
in float32 and float64 where the matrix has so few digits that little is lost.
"""

import math
from typing import NamedTuple

import numpy as np

from registry.numerics.arrays import F64, Values, as_array, float32, float64, is_on_gpu

FLOAT64_ELEMENTS = 1 << 19  # of the matrix, held as float64 at a time
NARROW = 1024  # columns, of which adding up whole squares takes less than importing scipy
QUICK_ROWS = 256  # whose products are summed in float32
QUICK_LEAST = 2.0**-60  # of |A|_F^2: below, and above its inverse, float32 may lack range
UNIT = 2.0**-24  # float32's rounding
OF_LARGEST, OF_SPREAD = 1.0, 4.0  # shares of the rounding
EPSILON = float(np.finfo(np.float64).eps)


class GramMatrix(NamedTuple):
    """The Gram matrix of the smaller side of A / scale.

    Attributes:
        lower: n x n, float64, of which the lower triangle is set.
        scale: Keeps squares inside float64's range.
    """

    lower: np.ndarray
    scale: float


class GramValues(NamedTuple):
    """The largest singular values, falling, and bounds of their absolute errors, float64."""

    values: np.ndarray
    bounds: np.ndarray


def gram_matrix(matrix: Values) -> GramMatrix:
    """Return A^T A, or A A^T where that is smaller, of a matrix A divided by the scale.

    A is m x n, of any floating type, on any device; NaN and infinities count as zero. It is summed
    block by block, so that no float64 copy of the whole is made.
    """
    if is_on_gpu(matrix):
        from registry.numerics import device_gram  # noqa: PLC0415  # it takes torch

        return device_gram.gram_matrix(matrix)

    array = as_array(matrix)
    scale = 1.0  # the squares of narrower types are inside float64's range
    if array.dtype == F64:
        scale = largest_magnitude(array) or 1.0
    tall = array if array.shape[0] >= array.shape[1] else array.T
    return GramMatrix(summed(tall, scale), scale)


def summed(tall: np.ndarray, scale: float) -> np.ndarray:
    """Return X^T X of a matrix X over the scale; the lower triangle alone is half the work."""
    columns = tall.shape[1]
    height = max(1, FLOAT64_ELEMENTS // max(1, columns))
    if len(tall) <= height or columns <= NARROW:
        gram = np.zeros((columns, columns))
        for start in range(0, len(tall), height):
            x = divided(tall[start : start + height], scale)
            gram += x.T @ x
        return gram

    from scipy.linalg.blas import dsyrk  # noqa: PLC0415  # small matrices do without its import

    gram = np.zeros((columns, columns), order="F")
    for start in range(0, len(tall), height):
        x = divided(tall[start : start + height], scale)
        gram = dsyrk(1.0, x.T, beta=1.0, c=gram, lower=1, overwrite_c=1)
    return gram


def quick_gram_matrix(matrix: np.ndarray) -> np.ndarray:
    """Return the Gram matrix of the smaller side of a matrix in bfloat16, its lower triangle.

    Products of bfloat16 are exact in float32, and sums of some hundred of them nearly so; the sums
    are added up in float64. NaN where an element is not finite.
    """
    from scipy.linalg.blas import ssyrk  # noqa: PLC0415  # not every command needs it

    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    columns = tall.shape[1]
    gram = np.zeros((columns, columns), order="F")
    sums = np.zeros((columns, columns), np.float32, order="F")
    for start in range(0, len(tall), QUICK_ROWS):
        x = np.ascontiguousarray(float32(tall[start : start + QUICK_ROWS]))
        sums = ssyrk(1.0, x.T, beta=0.0, c=sums, lower=1, overwrite_c=1)
        gram += sums
    return gram


def quick_singular_values(matrix: np.ndarray, rank: int) -> GramValues | None:
    """Return the `rank` largest singular values of a matrix in bfloat16, in half the time.

    None where an element is not finite, or squares leave float32's range. What float32 does to the
    Gram matrix is a part of the largest value, and where many are as large, the norm of a random
    matrix of rounding errors. It was measured to be six tenths of the bound at most.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        gram = quick_gram_matrix(matrix)
    trace = float(gram.trace())  # |A|_F^2
    if not QUICK_LEAST < trace < 1 / QUICK_LEAST:
        return None
    squares = np.linalg.eigvalsh(gram)[::-1][:rank].clip(0)
    together = min(QUICK_ROWS, *sorted(matrix.shape)[1:])  # products in a sum
    spread = math.sqrt(together / matrix.size) * trace
    rounding = UNIT * (OF_LARGEST * float(squares[0]) + OF_SPREAD * spread)
    return GramValues(np.sqrt(squares), root_errors(squares, rounding))


def divided(block: np.ndarray, scale: float) -> np.ndarray:
    """Return a block over a scale as float64, row by row, with zeros for NaN and infinities."""
    double = np.ascontiguousarray(float64(block))
    if scale != 1:
        double /= scale
    if not math.isfinite(double.sum()):
        np.nan_to_num(double, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    return double


def gram_singular_values(matrix: Values, rank: int) -> GramValues:
    """Return the `rank` largest singular values of an m x n matrix, all where there are fewer.

    A value is exact to about 1e-15 * sigma_1^2 / sigma_i, at worst to 1e-7 * sigma_1 where sigma_i
    vanishes.
    """
    gram, scale = gram_matrix(matrix)
    rising = np.linalg.eigvalsh(gram)
    squares = rising[::-1][:rank].clip(0)
    values = np.sqrt(squares)
    return GramValues(values * scale, slack(tuple(matrix.shape), squares) * scale)


def slack(shape: tuple[int, ...], squares: np.ndarray) -> np.ndarray:
    """Return how far rounding of the Gram matrix and its eigenvalues may move their roots.

    From |s^2 - t^2| <= d follows |s - t| <= d / s, and also |s - t| <= sqrt(d).
    """
    return root_errors(squares, EPSILON * sum(shape) * float(squares.max(initial=0.0)))


def root_errors(squares: np.ndarray, rounding: float) -> np.ndarray:
    """Return how far roots are from those of numbers within `rounding` of the squares."""
    values = np.sqrt(squares)
    unbounded = np.full_like(values, np.inf)
    relative: np.ndarray = np.divide(rounding, values, out=unbounded, where=values > 0)
    return relative.clip(max=math.sqrt(rounding))


def largest_magnitude(block: Values) -> float:
    """Return the largest finite |x|, 0 of nothing.

    Dividing by it keeps squares inside float64's range.
    """
    if is_on_gpu(block):
        from registry.numerics import device_gram  # noqa: PLC0415  # it takes torch

        return device_gram.largest_magnitude(block)
    array = as_array(block)
    magnitudes = np.abs(array if array.dtype == F64 else float64(array))
    largest = float(magnitudes.max(initial=0.0))
    if math.isfinite(largest):
        return largest
    finite = magnitudes[np.isfinite(magnitudes)]
    return float(finite.max(initial=0.0))
