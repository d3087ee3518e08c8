"""Singular values from the Gram matrix of the smaller side, in float64: for small matrices, many values, hard cases."""

import math
from collections.abc import Iterable

import numpy as np
import torch
from scipy.linalg.blas import dsyrk

BLOCK = 1 << 19  # elements of the matrix that are held as float64 at a time
EPSILON = float(np.finfo(np.float64).eps)


def gram_matrix(matrix: torch.Tensor) -> tuple[np.ndarray, float]:
    """A^T A of the smaller side, n x n, its lower triangle, and the largest magnitude, which A was divided by.

    matrix: m x n of any floating type, on any device; NaN and infinities count as zero. Summed block by block, so that
    no float copy of the matrix is made.
    """
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    blocks = tall.split(max(1, BLOCK // max(1, tall.shape[1])))
    scale = max((largest(block) for block in blocks), default=0.0) or 1.0
    double = (
        block.to(torch.float64, copy=True).nan_to_num_(0.0, 0.0, 0.0).div_(scale)
        for block in blocks
    )
    return (summed_here if matrix.device.type == "cpu" else summed_there)(
        double, tall.shape[1]
    ), scale


def summed_here(blocks: Iterable[torch.Tensor], n: int) -> np.ndarray:
    """The sum of X^T X, its lower triangle alone, which is half the work."""
    gram = np.zeros((n, n), order="F")
    for block in blocks:
        gram = dsyrk(1.0, block.numpy().T, beta=1.0, c=gram, lower=1, overwrite_c=1)
    return gram


def summed_there(blocks: Iterable[torch.Tensor], n: int) -> np.ndarray:
    """The same on a device."""
    gram = torch.zeros(n, n, dtype=torch.float64)
    for block in blocks:
        gram = gram.to(block.device).addmm_(block.T, block)
    return gram.cpu().numpy()


def dense(matrix: torch.Tensor, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """The `rank` largest singular values, falling, and bounds of their errors.

    A value is exact to about 1e-15 * sigma_1^2 / sigma_i, at worst to 1e-7 * sigma_1 where sigma_i vanishes.
    """
    gram, scale = gram_matrix(matrix)
    squares = np.linalg.eigvalsh(gram)[::-1][:rank].clip(0)
    return np.sqrt(squares) * scale, slack(matrix, squares) * scale


def slack(matrix: torch.Tensor, squares: np.ndarray) -> np.ndarray:
    """How far roots may be off where their squares are off by the rounding of the Gram matrix and its eigenvalues.

    From |s^2 - t^2| <= d follows |s - t| <= d / s, and also |s - t| <= sqrt(d).
    """
    rounding = EPSILON * sum(matrix.shape) * float(squares.max(initial=0.0))
    values = np.sqrt(squares)
    far: np.ndarray = np.divide(
        rounding, values, out=np.full_like(values, np.inf), where=values > 0
    )
    return far.clip(max=math.sqrt(rounding))


def largest(block: torch.Tensor) -> float:
    """The largest finite magnitude; dividing by it keeps squares inside float64's range."""
    if not block.numel():
        return 0.0
    low, high = (float(bound) for bound in block.aminmax())
    if math.isfinite(low) and math.isfinite(high):
        return max(-low, high)
    return float(block.to(torch.float64).nan_to_num(0.0, 0.0, 0.0).abs().max())
