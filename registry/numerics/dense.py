"""Singular values from the Gram matrix of the smaller side, in float64: for small matrices, many values, hard cases."""

import math

import numpy as np
import torch

BLOCK = 1 << 21  # elements of the matrix that are held as float64 at a time
EPSILON = float(np.finfo(np.float64).eps)


def gram_matrix(matrix: torch.Tensor) -> tuple[torch.Tensor, float]:
    """A^T A of the smaller side, n x n, and the largest magnitude, which A was divided by.

    matrix: m x n of any floating type; NaN and infinities count as zero. Summed block by block, so that no float copy
    of the matrix is made.
    """
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    n = tall.shape[1]
    blocks = tall.split(max(1, BLOCK // max(1, n)))
    scale = max((largest(block) for block in blocks), default=0.0) or 1.0
    gram = torch.zeros(n, n, dtype=torch.float64, device=matrix.device)
    for block in blocks:
        x = block.to(torch.float64, copy=True).nan_to_num_(0.0, 0.0, 0.0).div_(scale)
        gram += product(x)
    return gram, scale


def product(x: torch.Tensor) -> torch.Tensor:
    """Multiply: X^T X; numpy sees that the factors are one and computes half of it."""
    return torch.from_numpy(x.numpy().T @ x.numpy()) if x.device.type == "cpu" else x.T @ x


def dense(matrix: torch.Tensor, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """The `rank` largest singular values, falling, and bounds of their errors.

    A value is exact to about 1e-15 * sigma_1^2 / sigma_i, at worst to 1e-7 * sigma_1 where sigma_i vanishes.
    """
    gram, scale = gram_matrix(matrix)
    squares = torch.linalg.eigvalsh(gram.cpu()).flip(0)[:rank].clamp(min=0.0).numpy()
    return np.sqrt(squares) * scale, slack(matrix, squares) * scale


def slack(matrix: torch.Tensor, squares: np.ndarray) -> np.ndarray:
    """How far roots may be off where their squares are off by the rounding of the Gram matrix and its eigenvalues.

    From |s^2 - t^2| <= d follows |s - t| <= d / s, and also |s - t| <= sqrt(d).
    """
    rounding = EPSILON * sum(matrix.shape) * float(squares.max(initial=0.0))
    values = np.sqrt(squares)
    far: np.ndarray = np.divide(rounding, values, out=np.full_like(values, np.inf), where=values > 0)
    return far.clip(max=math.sqrt(rounding))


def largest(block: torch.Tensor) -> float:
    """The largest finite magnitude; dividing by it keeps squares inside float64's range."""
    if not block.numel():
        return 0.0
    low, high = (float(bound) for bound in block.aminmax())
    if math.isfinite(low) and math.isfinite(high):
        return max(-low, high)
    return float(block.to(torch.float64).nan_to_num(0.0, 0.0, 0.0).abs().max())
