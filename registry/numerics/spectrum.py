"""The largest singular values of a matrix, each with a bound on its error."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from registry.numerics.arrays import (
    BF16,
    F64,
    Values,
    as_array,
    as_tensor,
    contiguous,
    float32,
    is_on_gpu,
)
from registry.numerics.gram_spectrum import (
    NARROW,
    gram_singular_values,
    largest_magnitude,
    quick_is_enough,
    quick_singular_values,
)
from registry.numerics.lanczos import Ritz, lanczos
from registry.numerics.products import ALIASES, Gram
from registry.numerics.spectrum_proof import proven

TOLERANCE = 1e-5  # relative to sigma_1: labels of the clustering vector can flip above it
TIGHTEST = 1e-5  # what float32 vectors reach for certain; for less the Gram matrix is summed
SMALL, PER_RANK, MEDIUM = 256, 8, 1024  # of smaller sides, as measured on a CPU
FEW_VALUES = 16  # for which few vectors at a time are enough
CACHED_ELEMENTS = 1 << 23  # of a matrix that is read anew at little cost
HALF_UNIT = 2.0**-24  # float32's rounding


@dataclass(frozen=True)
class Spectrum:
    """The largest singular values, falling, and bounds of the absolute error of each."""

    values: tuple[float, ...]
    bounds: tuple[float, ...]


def spectra(
    matrices: Sequence[Values], rank: int, tolerance: float = TOLERANCE, *, prove: bool = False
) -> list[Spectrum]:
    """Return the `rank` largest singular values of each matrix, all of them where there are fewer.

    Args:
        matrices: m x n each, of one shape and floating type, computed at once on a GPU; NaN and
            infinities count as zero.
        tolerance: Relative to the largest value; no bound exceeds it that float64 can keep below
            it.
        prove: Prove that no value was missed, at the cost of a Gram matrix.

    Found by block Lanczos. Where that leaves a doubt - a bound above the tolerance, so many equal
    values that there may be more, no proof though one is wanted - by the eigenvalues of the Gram
    matrix in float64.
    """
    if not is_on_gpu(matrices[0]):
        matrices = [as_array(matrix) for matrix in matrices]
    if tolerance < TIGHTEST:
        return [exact(matrix, rank) for matrix in matrices]
    if dense_is_faster(matrices[0].shape, rank):
        return [dense(matrix, rank, tolerance) for matrix in matrices]

    spectra_found = []
    for matrix, spectrum in zip(matrices, krylov(matrices, rank), strict=True):
        if spectrum is None or not settled(matrix, spectrum, tolerance, prove=prove):
            spectra_found.append(exact(matrix, rank))
        else:
            spectra_found.append(spectrum)
    return spectra_found


def dense_is_faster(shape: Sequence[int], rank: int) -> bool:
    """Return whether the Gram matrix takes less time: it is small, or many values are wanted."""
    smaller, larger = sorted(shape)
    if smaller <= SMALL:
        return True
    if smaller > PER_RANK * rank:
        return False
    return smaller <= max(MEDIUM, 2 * rank) or larger >= 2 * smaller


def settled(matrix: Values, spectrum: Spectrum, tolerance: float, *, prove: bool) -> bool:
    """Return whether the bounds are tight enough and, if that is wanted, no value was missed."""
    if max(spectrum.bounds) > tolerance * spectrum.values[0]:
        return False
    if not prove:
        return True
    return proven(matrix, spectrum.values, spectrum.bounds) == len(spectrum.values)


def at_hand(matrix: Values, rank: int) -> Spectrum:
    """Return the singular values of one matrix, without loading what Lanczos takes if it is small.

    To the tolerance of `spectra`.
    """
    if min(matrix.shape) <= NARROW and not is_on_gpu(matrix):
        return exact(matrix, rank)
    [spectrum] = spectra([matrix], rank)
    return spectrum


def dense(matrix: Values, rank: int, tolerance: float) -> Spectrum:
    """Return what the Gram matrix gives; of a large one with no more digits than are asked for."""
    large = min(matrix.shape) > SMALL
    if not large or is_on_gpu(matrix) or as_array(matrix).dtype != BF16:
        return exact(matrix, rank)

    array = as_array(matrix)
    if quick_is_enough(array, rank, tolerance):
        quick = quick_singular_values(array, rank)
        if quick is not None and quick.bounds.max() <= tolerance * quick.values[0]:
            return Spectrum(tuple(quick.values.tolist()), tuple(quick.bounds.tolist()))
    return exact(array, rank)


def exact(matrix: Values, rank: int) -> Spectrum:
    """Return the values that the Gram matrix gives in float64."""
    values, bounds = gram_singular_values(matrix, rank)
    return Spectrum(tuple(values.tolist()), tuple(bounds.tolist()))


def krylov(matrices: Sequence[Values], rank: int) -> list[Spectrum | None]:
    """Return what block Lanczos gives for each matrix; None where it may have missed a value."""
    if is_on_gpu(matrices[0]):
        from registry.numerics import device_spectrum  # noqa: PLC0415  # it takes torch

        return device_spectrum.krylov([as_tensor(matrix) for matrix in matrices], rank)
    return [krylov_of(row_major(as_array(matrix)), rank) for matrix in matrices]


def krylov_of(matrix: np.ndarray, rank: int) -> Spectrum | None:
    """Return what block Lanczos gives for a matrix; None where it may have missed a value."""
    block = block_size(matrix.size, rank)
    count = multiple_of_four(rank)
    if matrix.dtype in ALIASES:
        ritz = lanczos(Gram(matrix), count, block)
        if ritz is not None:
            return spectrum_of(ritz, rank)

    peak = largest_magnitude(matrix)
    if not peak:
        return Spectrum((0.0,) * rank, (0.0,) * rank)
    unit = 2.0 ** round(math.log2(peak))
    single = over_unit(matrix, unit)
    rounding = HALF_UNIT * float(np.linalg.norm(single)) if matrix.dtype == F64 else 0.0
    ritz = lanczos(Gram(single), count, block)
    return None if ritz is None else spectrum_of(ritz, rank, unit=unit, rounding=rounding)


def spectrum_of(
    ritz: Ritz, rank: int, *, unit: float = 1.0, rounding: float = 0.0
) -> Spectrum | None:
    """Return the spectrum of a matrix that was divided by `unit`; None where one may be missing.

    Args:
        rounding: How far the division moved the values.
    """
    if not ritz.sure:
        return None
    values = ritz.values[:rank] * unit
    bounds = (ritz.bounds[:rank] + rounding) * unit
    return Spectrum(tuple(values.tolist()), tuple(bounds.tolist()))


def block_size(elements: int, rank: int) -> int:
    """Return how many vectors go through a matrix of so many elements at a time.

    More cost memory and products, fewer leave what reads a matrix anew idle.
    """
    cached = elements <= CACHED_ELEMENTS
    if rank <= FEW_VALUES or (rank <= 4 * FEW_VALUES and cached):
        return 4
    return 8


def multiple_of_four(rank: int) -> int:
    """Return the least one that is no less than the rank."""
    return -(-rank // 4) * 4


def over_unit(matrix: np.ndarray, unit: float) -> np.ndarray:
    """Return a matrix over its unit in float32, without NaN and infinities."""
    wide = matrix if matrix.dtype == F64 else float32(matrix).astype(F64)
    quotient = (wide / unit).astype(np.float32)
    return np.nan_to_num(quotient, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


def row_major(matrix: np.ndarray) -> np.ndarray:
    """Return the matrix or its transpose, whichever lies in memory row by row.

    Both have the same singular values.
    """
    if matrix.flags.c_contiguous:
        return matrix
    return contiguous(matrix.T)
