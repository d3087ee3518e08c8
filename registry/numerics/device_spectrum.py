"""Singular values of matrices on a GPU, of one shape and computed at once.

Nothing here asks where tensors lie.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from registry.numerics.device_lanczos import lanczos
from registry.numerics.device_products import Gram
from registry.numerics.gram_spectrum import largest_magnitude
from registry.numerics.lanczos import Ritz
from registry.numerics.spectrum import HALF_UNIT, Spectrum, multiple_of_four, spectrum_of

NARROW = {torch.bfloat16, torch.float16, torch.float32}  # types that are read as they are
VECTORS = 32  # at a time, to keep a GPU busy
SAFE = 2.0**40  # magnitudes of A x, from its inverse on, whose squares float32 holds
LARGEST_FACTOR = 2.0**100  # that float32 holds


class Rescaled(NamedTuple):
    """A matrix over its unit, and how far float32 moved its singular values by that."""

    gram: Gram
    rounding: float


def krylov(matrices: Sequence[torch.Tensor], rank: int) -> list[Spectrum | None]:
    """Return what block Lanczos gives for each matrix; None where it may have missed a value."""
    in_rows = [row_major(matrix) for matrix in matrices]
    whole = torch.stack(in_rows) if len(matrices) > 1 else in_rows[0][None]
    gram = Gram(whole)
    if whole.dtype in NARROW and tame(gram):
        return spectra_of(gram, rank)

    if len(matrices) > 1:  # each has a scale of its own
        one_by_one = []
        for matrix in in_rows:
            one_by_one += krylov([matrix], rank)
        return one_by_one

    peak = largest_magnitude(whole)
    if not peak:
        return [Spectrum((0.0,) * rank, (0.0,) * rank)]
    unit = 2.0 ** round(math.log2(peak))
    rescaled = over_unit(whole, unit)
    return spectra_of(rescaled.gram, rank, unit=unit, rounding=rescaled.rounding)


def spectra_of(
    gram: Gram, rank: int, *, unit: float = 1.0, rounding: float = 0.0
) -> list[Spectrum | None]:
    """Return spectra of matrices that were divided by `unit`; None where a value may be missing.

    Args:
        rounding: How far the division moved the values.
    """
    ritz = lanczos(gram, multiple_of_four(rank), VECTORS)
    spectra_found = []
    for values, bounds, sure in zip(ritz.values, ritz.bounds, ritz.sure, strict=True):
        one = Ritz(values, bounds, np.array(sure))
        spectra_found.append(spectrum_of(one, rank, unit=unit, rounding=rounding))
    return spectra_found


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
    if whole.dtype in NARROW and 1 / LARGEST_FACTOR <= unit <= LARGEST_FACTOR:
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
