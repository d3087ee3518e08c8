"""The largest singular values of a matrix, each with a bound on its error."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from registry.numerics.gram_spectrum import dense, largest
from registry.numerics.lanczos import lanczos
from registry.numerics.products import ALIASES, Gram
from registry.numerics.spectrum_proof import proven

TOLERANCE = 1e-5  # relative to sigma_1: labels of the clustering vector can flip above it
TIGHTEST = (
    1e-5  # what float32 vectors reach for certain; below it the Gram matrix is summed in float64
)
SMALL, PER_RANK, MEDIUM = 256, 8, 1024  # of smaller sides, as measured on a CPU
FEW, CACHED = (
    16,
    1 << 23,
)  # values, and elements of a matrix, for which few vectors at a time are enough
SAFE = 2.0**40  # magnitudes of A x, from its inverse on, whose squares float32 holds
LARGEST = 2.0**100  # factors that float32 holds
HALF_UNIT = 2.0**-24  # float32's rounding


@dataclass(frozen=True)
class Spectrum:
    """The largest singular values, falling, and for each how far it may be from the true one of its place."""

    values: tuple[float, ...]
    bounds: tuple[float, ...]


def top_singular_values(
    matrix: torch.Tensor, rank: int, tolerance: float = TOLERANCE, *, prove: bool = False
) -> Spectrum:
    """The `rank` largest singular values; all of them where there are fewer.

    matrix: m x n, any floating type, on any device; NaN and infinities count as zero.
    tolerance: relative to the largest value; no bound exceeds it that float64 can keep below it. prove: that no value
    was missed, at the cost of a Gram matrix.
    """
    return spectra([matrix], rank, tolerance, prove=prove)[0]


def spectra(
    matrices: Sequence[torch.Tensor],
    rank: int,
    tolerance: float = TOLERANCE,
    *,
    prove: bool = False,
) -> list[Spectrum]:
    """The same of several matrices of one shape and type, at once on a GPU.

    Found by block Lanczos. Where that leaves a doubt - a bound above the tolerance, so many equal values that there
    may be more, no proof though one is wanted - by the eigenvalues of the Gram matrix in float64.
    """
    if tolerance < TIGHTEST or dense_is_faster(matrices[0].shape, rank):
        return [exact(matrix, rank) for matrix in matrices]
    found = krylov([row_major(matrix) for matrix in matrices], rank)
    return [
        near if near and settled(matrix, near, tolerance, prove=prove) else exact(matrix, rank)
        for matrix, near in zip(matrices, found, strict=True)
    ]


def dense_is_faster(shape: Sequence[int], rank: int) -> bool:
    """Whether the Gram matrix and its eigenvalues take less time: it is small, or many values are wanted of it."""
    smaller, larger = sorted(shape)
    many = smaller <= PER_RANK * rank and (
        smaller <= max(MEDIUM, 2 * rank) or larger >= 2 * smaller
    )
    return smaller <= SMALL or many


def settled(matrix: torch.Tensor, found: Spectrum, tolerance: float, *, prove: bool) -> bool:
    """Whether the bounds are tight enough and, if that is wanted, it is proven that no value was missed."""
    if max(found.bounds) > tolerance * found.values[0]:
        return False
    return not prove or proven(matrix, found.values, found.bounds) == len(found.values)


def exact(matrix: torch.Tensor, rank: int) -> Spectrum:
    """From the Gram matrix."""
    return Spectrum(*(tuple(numbers.tolist()) for numbers in dense(matrix, rank)))


def krylov(matrices: list[torch.Tensor], rank: int) -> list[Spectrum | None]:
    """By block Lanczos; None where it may have missed a value."""
    whole = torch.stack(matrices) if len(matrices) > 1 else matrices[0][None]
    gram, unit, rounding = Gram(whole), 1.0, 0.0
    if whole.dtype not in ALIASES or not tame(gram):
        if len(matrices) > 1:  # each has a scale of its own
            return [own for matrix in matrices for own in krylov([matrix], rank)]
        if not (peak := largest(whole)):
            return [Spectrum((0.0,) * rank, (0.0,) * rank)]
        unit = 2.0 ** round(math.log2(peak))
        gram, rounding = rescaled(whole, unit)
    found = lanczos(gram, -(-rank // 4) * 4, block(whole, rank))
    values, bounds = found.values[:, :rank] * unit, (found.bounds[:, :rank] + rounding) * unit
    return [
        Spectrum(tuple(own.tolist()), tuple(errors.tolist())) if sure else None
        for own, errors, sure in zip(values, bounds, found.sure, strict=True)
    ]


def block(whole: torch.Tensor, rank: int) -> int:
    """Vectors at a time: more cost memory and products, fewer leave a GPU, or what reads a matrix anew, idle."""
    if whole.device.type != "cpu":
        return 32
    return 4 if rank <= FEW or (rank <= 4 * FEW and whole[0].numel() <= CACHED) else 8


def tame(gram: Gram) -> bool:
    """Whether all elements are finite, and those that matter have squares within float32's range."""
    random = torch.randn(4, gram.size, generator=torch.Generator().manual_seed(0)).to(gram.a.device)
    peaks = gram.forward(random.expand(len(gram.a), -1, -1)).abs().amax((1, 2))
    return bool(((peaks > 1 / SAFE) & (peaks < SAFE)).all())


def rescaled(whole: torch.Tensor, unit: float) -> tuple[Gram, float]:
    """A matrix over its unit, without NaN and infinities, and how far float32 moves its singular values."""
    clean = whole.nan_to_num(0.0, 0.0, 0.0)
    if whole.dtype in ALIASES and 1 / LARGEST <= unit <= LARGEST:
        return Gram(clean, 1 / unit), 0.0
    single = (clean.double() / unit).float()
    return Gram(single), HALF_UNIT * float(single.norm())


def row_major(matrix: torch.Tensor) -> torch.Tensor:
    """The matrix or its transpose, which has the same singular values, whichever lies in memory row by row."""
    return matrix if matrix.is_contiguous() else matrix.T.contiguous()


def normalised(values: list[tuple[float, ...]], rank: int) -> np.ndarray:
    """Spectra as rows of unit length, cut or padded with zeros to `rank`: n x rank (paper 2509.19122, 3.1)."""
    rows = np.zeros((len(values), rank))
    for row, spectrum in zip(rows, values, strict=True):
        row[: len(spectrum[:rank])] = spectrum[:rank]
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: np.ndarray = rows / np.where(lengths > 0, lengths, 1.0)
    return unit
