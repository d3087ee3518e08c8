"""Gram matrices of what lies on a GPU, summed there in float64.

Nothing here asks where tensors lie.
"""

import math

import torch

from registry.numerics.gram_spectrum import GramMatrix

FLOAT64_ELEMENTS = 1 << 24  # of the matrix, held as float64 at a time


def gram_matrix(matrix: torch.Tensor) -> GramMatrix:
    """Return what registry.numerics.gram_spectrum.gram_matrix does; scale is A's largest entry."""
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    columns = tall.shape[1]
    blocks = tall.split(max(1, FLOAT64_ELEMENTS // max(1, columns)))

    scale = 0.0
    for block in blocks:
        scale = max(scale, largest_magnitude(block))
    scale = scale or 1.0

    gram = torch.zeros(columns, columns, dtype=torch.float64, device=matrix.device)
    for block in blocks:
        x = divided(block, scale)
        gram.addmm_(x.T, x)
    return GramMatrix(gram.cpu().numpy(), scale)


def divided(block: torch.Tensor, scale: float) -> torch.Tensor:
    """Return a block over a scale as float64, with zeros for NaN and infinities."""
    double = block.to(torch.float64, copy=True)
    return double.nan_to_num_(0.0, 0.0, 0.0).div_(scale)


def largest_magnitude(block: torch.Tensor) -> float:
    """Return the largest finite |x|, 0 of nothing."""
    if not block.numel():
        return 0.0
    low, high = block.aminmax()
    lowest, highest = float(low), float(high)
    if math.isfinite(lowest) and math.isfinite(highest):
        return max(-lowest, highest)
    finite = block.to(torch.float64).nan_to_num(0.0, 0.0, 0.0)
    return float(finite.abs().max())
