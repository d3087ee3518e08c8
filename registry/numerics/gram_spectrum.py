"""Singular values as roots of the eigenvalues of the Gram matrix, summed in float64.

This is the way for small matrices, for many values, and for hard cases.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy.linalg.blas import dsyrk

FLOAT64_ELEMENTS = 1 << 19  # of the matrix, held as float64 at a time
EPSILON = float(np.finfo(np.float64).eps)


class GramMatrix(NamedTuple):
    """The Gram matrix of the smaller side of A / scale.

    Attributes:
        lower: n x n, float64, of which the lower triangle is set.
        scale: The largest magnitude in A.
    """

    lower: np.ndarray
    scale: float


class GramValues(NamedTuple):
    """The largest singular values, falling, and bounds of their absolute errors, float64."""

    values: np.ndarray
    bounds: np.ndarray


def gram_matrix(matrix: torch.Tensor) -> GramMatrix:
    """Return A^T A, or A A^T where that is smaller, of a matrix A divided by its largest entry.

    A is m x n, of any floating type, on any device; NaN and infinities count as zero. It is summed
    block by block, so that no float64 copy of the whole is made.
    """
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    columns = tall.shape[1]
    blocks = tall.split(max(1, FLOAT64_ELEMENTS // max(1, columns)))

    scale = 0.0
    for block in blocks:
        scale = max(scale, largest_magnitude(block))
    scale = scale or 1.0

    if matrix.device.type == "cpu":
        return GramMatrix(gram_on_cpu(blocks, columns, scale), scale)
    return GramMatrix(gram_on_device(blocks, columns, scale), scale)


def gram_on_cpu(blocks: Sequence[torch.Tensor], columns: int, scale: float) -> np.ndarray:
    """Return the sum of X^T X over the blocks X; the lower triangle alone is half the work."""
    gram = np.zeros((columns, columns), order="F")
    for block in blocks:
        x = divided(block, scale).numpy()
        gram = dsyrk(1.0, x.T, beta=1.0, c=gram, lower=1, overwrite_c=1)
    return gram


def gram_on_device(blocks: Sequence[torch.Tensor], columns: int, scale: float) -> np.ndarray:
    """Return the sum of X^T X over the blocks X, summed where they lie."""
    gram = torch.zeros(columns, columns, dtype=torch.float64)
    for block in blocks:
        x = divided(block, scale)
        gram = gram.to(x.device).addmm_(x.T, x)
    return gram.cpu().numpy()


def divided(block: torch.Tensor, scale: float) -> torch.Tensor:
    """Return a block over a scale as float64, with zeros for NaN and infinities."""
    double = block.to(torch.float64, copy=True)
    return double.nan_to_num_(0.0, 0.0, 0.0).div_(scale)


def gram_singular_values(matrix: torch.Tensor, rank: int) -> GramValues:
    """Return the `rank` largest singular values of an m x n matrix, all where there are fewer.

    A value is exact to about 1e-15 * sigma_1^2 / sigma_i, at worst to 1e-7 * sigma_1 where sigma_i
    vanishes.
    """
    gram, scale = gram_matrix(matrix)
    rising = np.linalg.eigvalsh(gram)
    squares = rising[::-1][:rank].clip(0)
    values = np.sqrt(squares)
    return GramValues(values * scale, slack(matrix, squares) * scale)


def slack(matrix: torch.Tensor, squares: np.ndarray) -> np.ndarray:
    """Return how far rounding of the Gram matrix and its eigenvalues may move their roots.

    From |s^2 - t^2| <= d follows |s - t| <= d / s, and also |s - t| <= sqrt(d).
    """
    rounding = EPSILON * sum(matrix.shape) * float(squares.max(initial=0.0))
    values = np.sqrt(squares)
    unbounded = np.full_like(values, np.inf)
    relative: np.ndarray = np.divide(rounding, values, out=unbounded, where=values > 0)
    return relative.clip(max=math.sqrt(rounding))


def largest_magnitude(block: torch.Tensor) -> float:
    """Return the largest finite |x|, 0 of nothing.

    Dividing by it keeps squares inside float64's range.
    """
    if not block.numel():
        return 0.0
    low, high = block.aminmax()
    lowest, highest = float(low), float(high)
    if math.isfinite(lowest) and math.isfinite(highest):
        return max(-lowest, highest)
    finite = block.to(torch.float64).nan_to_num(0.0, 0.0, 0.0)
    return float(finite.abs().max())
