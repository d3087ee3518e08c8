"""Singular values as roots of the eigenvalues of the Gram matrix.

This is the way for small matrices, for many values, and for hard cases. It is summed in float64, or
in float32 and float64 where the matrix has so few digits that little is lost.
"""

import math
from typing import NamedTuple

import numpy as np

from registry.numerics.arrays import BF16, F64, Values, as_array, float32, float64, is_on_gpu

FLOAT64_ELEMENTS = 1 << 19  # of the matrix, held as float64 at a time
NARROW = 1024  # columns, of which adding up whole squares takes less than importing scipy
QUICK_ROWS = 512  # whose products are summed in float32
SAMPLED_ROWS = 64  # that tell which way will do
FEW = 9  # of their values, which may be far above the rest
QUICK_LEAST = 2.0**-60  # of |A|_F^2: below, and above its inverse, float32 may lack range
UNIT = 2.0**-24  # float32's rounding
OF_LARGEST, OF_SUMS, OF_CANCELLED = 2.0, 24.0, 4.0  # of the rounding
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
    return GramMatrix(summed(tall_side(array), scale), scale)


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


def quick_gram_matrix(tall: np.ndarray) -> np.ndarray:
    """Return X^T X of a matrix X in bfloat16, its lower triangle. NaN where one is not finite.

    Products of bfloat16 are exact in float32. Rows are added from the shortest to the longest, for
    what is small is lost beside sums that are large already; sums of many rows are added up in
    float64.
    """
    from scipy.linalg.blas import ssyrk  # noqa: PLC0415  # not every command needs it

    columns = tall.shape[1]
    gram = np.zeros((columns, columns), order="F")
    sums = np.zeros((columns, columns), np.float32, order="F")
    words = tall.view(np.uint16)  # which numpy gathers faster
    order = np.argsort(squared_lengths(tall))
    for start in range(0, len(tall), QUICK_ROWS):
        rows = words[order[start : start + QUICK_ROWS]].view(BF16)
        x = np.ascontiguousarray(float32(rows))
        sums = ssyrk(1.0, x.T, beta=0.0, c=sums, lower=1, overwrite_c=1)
        gram += sums
    return gram


def squared_lengths(tall: np.ndarray) -> np.ndarray:
    """Return the squares of the rows' lengths, in float32."""
    squares = np.empty(len(tall), np.float32)
    for start in range(0, len(tall), QUICK_ROWS):
        rows = slice(start, start + QUICK_ROWS)
        x = float32(tall[rows])
        squares[rows] = np.einsum("ij,ij->i", x, x)
    return squares


def quick_rounding(shape: tuple[int, ...], largest: float, diagonal: np.ndarray) -> float:
    """Return what float32 may do to the Gram matrix of an m x n matrix, as a matrix norm.

    Args:
        largest: Its largest eigenvalue.
        diagonal: Its diagonal.

    An error follows the sum that it is made in. Where all sums are alike, so are the errors, and
    their norm follows the largest eigenvalue. Else they are a random matrix: by what the sums come
    to, of which a row is no longer than sigma_1 times a column of A, and by the products that
    cancel on the way. Errors were measured to reach a third of this, on matrices of 31 kinds, with
    a few large rows, columns or elements among them.
    """
    products = min(QUICK_ROWS, max(shape))  # in a sum
    trace = float(diagonal.sum())  # |A|_F^2
    of_sums = math.sqrt(largest * float(diagonal.max()))
    cancelled = math.sqrt(products / math.prod(shape)) * trace
    return UNIT * (OF_LARGEST * largest + OF_SUMS * of_sums + OF_CANCELLED * cancelled)


def quick_is_enough(matrix: np.ndarray, rank: int, tolerance: float) -> bool:
    """Return whether sums in float32 seem to give values to a tolerance, relative to the largest.

    As some rows tell, as if the others were like them. Of a few values that are far above the rest
    float32 says too little about the rest.
    """
    tall = tall_side(matrix)
    sample = float64(tall[:: max(1, len(tall) // SAMPLED_ROWS)])
    diagonal = np.einsum("ij,ij->j", sample, sample)
    if not 0 < diagonal.sum() < math.inf:
        return False
    squares = np.linalg.eigvalsh(sample @ sample.T)[::-1].clip(0)
    counts = np.arange(min(rank, len(squares), FEW))
    above = np.concatenate([[0.0], squares.cumsum()])[counts]
    shares = (squares.sum() - above) / (rank - counts)
    least = float(shares.min())  # of which the rank-th is no more
    rounding = quick_rounding(matrix.shape, float(squares[0]), diagonal)
    return rounding <= 2 * tolerance * math.sqrt(least * float(squares[0]))


def quick_singular_values(matrix: np.ndarray, rank: int) -> GramValues | None:
    """Return the `rank` largest singular values of a matrix in bfloat16, in half the time.

    None where an element is not finite, or squares leave float32's range.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        gram = quick_gram_matrix(tall_side(matrix))
    trace = float(gram.trace())  # |A|_F^2
    if not QUICK_LEAST < trace < 1 / QUICK_LEAST:
        return None
    squares = rising_eigenvalues(gram)[::-1][:rank].clip(0)
    rounding = quick_rounding(matrix.shape, float(squares[0]), gram.diagonal())
    return GramValues(np.sqrt(squares), root_errors(squares, rounding))


def tall_side(matrix: np.ndarray) -> np.ndarray:
    """Return the matrix or its transpose, whichever has no fewer rows than columns."""
    return matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T


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
    squares = rising_eigenvalues(gram)[::-1][:rank].clip(0)
    values = np.sqrt(squares)
    return GramValues(values * scale, slack(tuple(matrix.shape), squares) * scale)


def rising_eigenvalues(gram: np.ndarray) -> np.ndarray:
    """Return the eigenvalues of a symmetric matrix, of which the lower triangle is set."""
    if len(gram) <= NARROW:
        return np.linalg.eigvalsh(gram)

    from scipy.linalg import eigvalsh  # noqa: PLC0415  # as fast for small ones, which do without

    eigenvalues: np.ndarray = eigvalsh(gram, driver="evd", check_finite=False)
    return eigenvalues


def slack(shape: tuple[int, ...], squares: np.ndarray) -> np.ndarray:
    """Return how far rounding of the Gram matrix and its eigenvalues may move their roots.

    From |s^2 - t^2| <= d follows |s - t| <= d / s, and also |s - t| <= sqrt(d).
    """
    rounding = EPSILON * sum(shape) * float(squares.max(initial=0.0))
    values = np.sqrt(squares)
    unbounded = np.full_like(values, np.inf)
    relative: np.ndarray = np.divide(rounding, values, out=unbounded, where=values > 0)
    return relative.clip(max=math.sqrt(rounding))


def root_errors(squares: np.ndarray, rounding: float) -> np.ndarray:
    """Return how far roots are from those of numbers within `rounding`, above 0, of the squares.

    From |s^2 - t^2| <= d follows |s - t| <= d / (s + t), where t is at least sqrt(s^2 - d); and
    |s - t| <= sqrt(d).
    """
    least = np.sqrt((squares - rounding).clip(min=0.0))
    together = (np.sqrt(squares) + least).clip(min=math.sqrt(rounding))
    errors: np.ndarray = rounding / together
    return errors


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
