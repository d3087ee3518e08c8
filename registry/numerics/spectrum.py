"""The largest singular values of a matrix, each with a bound on its error."""

import math
from dataclasses import dataclass

import numpy as np
import torch

BLOCK = 1 << 21  # elements of the matrix that are held as float64 at a time


EPSILON = float(np.finfo(np.float64).eps)
TOLERANCE = 1e-5  # relative to sigma_1: labels of the clustering vector can flip above it


@dataclass(frozen=True)
class Spectrum:
    """The largest singular values, falling, and for each how far it may be from the true one of its place."""

    values: tuple[float, ...]
    bounds: tuple[float, ...]


def top_singular_values(matrix: torch.Tensor, rank: int, tolerance: float = TOLERANCE) -> Spectrum:
    """The `rank` largest singular values; all of them where there are fewer.

    matrix: m x n, any floating type; NaN and infinities count as zero.
    tolerance: the bounds are at most this times the largest value.
    From the Gram matrix of the smaller side, summed block by block in float64, so that memory stays at
    min(m, n)^2 and no float copy of the matrix is made. A value is exact to about 1e-15 * sigma_1^2 / sigma_i,
    at worst to 1e-7 * sigma_1 where sigma_i vanishes.
    """
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    n = tall.shape[1]
    blocks = tall.split(max(1, BLOCK // max(1, n)))
    scale = max((largest(block) for block in blocks), default=0.0) or 1.0
    gram = torch.zeros(n, n, dtype=torch.float64)
    for block in blocks:
        x = block.to(torch.float64).nan_to_num_(0.0, 0.0, 0.0).div_(scale)
        gram.addmm_(x.T, x)  # G += X^T X
    eigenvalues = torch.linalg.eigvalsh(gram).flip(0)[:rank].clamp(min=0.0)
    values = eigenvalues.sqrt()
    rounding = EPSILON * (sum(matrix.shape)) * float(eigenvalues[0]) if len(eigenvalues) else 0.0
    bounds = torch.minimum(rounding / values, torch.full_like(values, math.sqrt(rounding)))
    return Spectrum(tuple((values * scale).tolist()), tuple((bounds.nan_to_num() * scale).tolist()))


def largest(block: torch.Tensor) -> float:
    """The largest finite magnitude; dividing by it keeps squares inside float64's range."""
    if not block.numel():
        return 0.0
    low, high = (float(bound) for bound in block.aminmax())
    if math.isfinite(low) and math.isfinite(high):
        return max(-low, high)
    return float(block.to(torch.float64).nan_to_num(0.0, 0.0, 0.0).abs().max())


def normalised(values: list[tuple[float, ...]], rank: int) -> np.ndarray:
    """Spectra as rows of unit length, cut or padded with zeros to `rank`: n x rank (paper 2509.19122, 3.1)."""
    rows = np.zeros((len(values), rank))
    for row, spectrum in zip(rows, values, strict=True):
        row[: len(spectrum[:rank])] = spectrum[:rank]
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: np.ndarray = rows / np.where(lengths > 0, lengths, 1.0)
    return unit
