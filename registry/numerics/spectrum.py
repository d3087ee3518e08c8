"""The largest singular values of a matrix, each with a bound on its error."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from registry.numerics.gram_spectrum import gram_singular_values, largest_magnitude
from registry.numerics.lanczos import lanczos
from registry.numerics.products import ALIASES, Gram
from registry.numerics.spectrum_proof import proven

TOLERANCE = 1e-5  # relative to sigma_1: labels of the clustering vector can flip above it
TIGHTEST = 1e-5  # what float32 vectors reach for certain; for less the Gram matrix is summed
SMALL, PER_RANK, MEDIUM = 256, 8, 1024  # of smaller sides, as measured on a CPU
FEW_VALUES = 16  # for which few vectors at a time are enough
CACHED_ELEMENTS = 1 << 23  # of a matrix that is read anew at little cost
DEVICE_VECTORS = 32  # at a time, to keep a GPU busy
SAFE = 2.0**40  # magnitudes of A x, from its inverse on, whose squares float32 holds
LARGEST_FACTOR = 2.0**100  # that float32 holds
HALF_UNIT = 2.0**-24  # float32's rounding


@dataclass(frozen=True)
class Spectrum:
    """The largest singular values, falling, and bounds of the absolute error of each."""

    values: tuple[float, ...]
    bounds: tuple[float, ...]


class Rescaled(NamedTuple):
    """A matrix over its unit, and how far float32 moved its singular values by that."""

    gram: Gram
    rounding: float


def spectra(
    matrices: Sequence[torch.Tensor],
    rank: int,
    tolerance: float = TOLERANCE,
    *,
    prove: bool = False,
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
    if tolerance < TIGHTEST or dense_is_faster(matrices[0].shape, rank):
        return [exact(matrix, rank) for matrix in matrices]

    approximate = krylov([row_major(matrix) for matrix in matrices], rank)
    spectra_found = []
    for matrix, spectrum in zip(matrices, approximate, strict=True):
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


def settled(matrix: torch.Tensor, spectrum: Spectrum, tolerance: float, *, prove: bool) -> bool:
    """Return whether the bounds are tight enough and, if that is wanted, no value was missed."""
    if max(spectrum.bounds) > tolerance * spectrum.values[0]:
        return False
    if not prove:
        return True
    return proven(matrix, spectrum.values, spectrum.bounds) == len(spectrum.values)


def exact(matrix: torch.Tensor, rank: int) -> Spectrum:
    """Return the values that the Gram matrix gives in float64."""
    values, bounds = gram_singular_values(matrix, rank)
    return Spectrum(tuple(values.tolist()), tuple(bounds.tolist()))


def krylov(matrices: list[torch.Tensor], rank: int) -> list[Spectrum | None]:
    """Return what block Lanczos gives for each matrix; None where it may have missed a value."""
    whole = torch.stack(matrices) if len(matrices) > 1 else matrices[0][None]
    gram = Gram(whole)
    if whole.dtype in ALIASES and tame(gram):
        return lanczos_spectra(gram, rank)

    if len(matrices) > 1:  # each has a scale of its own
        one_by_one = []
        for matrix in matrices:
            one_by_one += krylov([matrix], rank)
        return one_by_one

    peak = largest_magnitude(whole)
    if not peak:
        return [Spectrum((0.0,) * rank, (0.0,) * rank)]
    unit = 2.0 ** round(math.log2(peak))
    rescaled = over_unit(whole, unit)
    return lanczos_spectra(rescaled.gram, rank, unit=unit, rounding=rescaled.rounding)


def lanczos_spectra(
    gram: Gram, rank: int, *, unit: float = 1.0, rounding: float = 0.0
) -> list[Spectrum | None]:
    """Return spectra of matrices that were divided by `unit`; None where a value may be missing.

    Args:
        rounding: How far the division moved the values.
    """
    multiple_of_four = -(-rank // 4) * 4
    ritz = lanczos(gram, multiple_of_four, block_size(gram.a, rank))
    values = ritz.values[:, :rank] * unit
    bounds = (ritz.bounds[:, :rank] + rounding) * unit

    spectra_found: list[Spectrum | None] = []
    for i, sure in enumerate(ritz.sure):
        spectrum = Spectrum(tuple(values[i].tolist()), tuple(bounds[i].tolist()))
        spectra_found.append(spectrum if sure else None)
    return spectra_found


def block_size(whole: torch.Tensor, rank: int) -> int:
    """Return how many vectors go through B x m x n matrices at a time.

    More cost memory and products, fewer leave a GPU, or what reads a matrix anew, idle.
    """
    if whole.device.type != "cpu":
        return DEVICE_VECTORS
    cached = whole[0].numel() <= CACHED_ELEMENTS
    if rank <= FEW_VALUES or (rank <= 4 * FEW_VALUES and cached):
        return 4
    return 8


def tame(gram: Gram) -> bool:
    """Return whether all elements are finite, and those that matter have squares within float32."""
    generator = torch.Generator().manual_seed(0)
    random = torch.randn(4, gram.size, generator=generator).to(gram.a.device)
    images = gram.forward(random.expand(len(gram.a), -1, -1))
    peaks = images.abs().amax((1, 2))
    return bool(((peaks > 1 / SAFE) & (peaks < SAFE)).all())


def over_unit(whole: torch.Tensor, unit: float) -> Rescaled:
    """Return a matrix over its unit, without NaN and infinities."""
    clean = whole.nan_to_num(0.0, 0.0, 0.0)
    if whole.dtype in ALIASES and 1 / LARGEST_FACTOR <= unit <= LARGEST_FACTOR:
        return Rescaled(Gram(clean, 1 / unit), 0.0)
    single = (clean.double() / unit).float()
    return Rescaled(Gram(single), HALF_UNIT * float(single.norm()))


def row_major(matrix: torch.Tensor) -> torch.Tensor:
    """Return the matrix or its transpose, whichever lies in memory row by row.

    Both have the same singular values.
    """
    if matrix.is_contiguous():
        return matrix
    return matrix.T.contiguous()
