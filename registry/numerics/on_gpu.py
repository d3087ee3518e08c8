"""What is computed with matrices on a GPU: there they are tensors of torch's.

Nothing here is asked for numbers in the host's memory, but every function takes tensors there, too.
Small results come back as arrays.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from registry.numerics.arrays import as_tensor
from registry.numerics.passes import Pass, Range, halves_of_power, joined

if TYPE_CHECKING:
    from registry.numerics.sketches import Places

PASS_CHUNK = 1 << 24  # values converted to float64 at a time: enough to fill any GPU
PIECE = 1 << 26  # values converted to float32 at a time


def pass_over(values: torch.Tensor, pivot: float = 0.0, exponent: int = 0) -> Pass:
    """Return the power sums of a flat tensor, as `registry.numerics.passes.plain` does."""
    parts = [chunk_pass(chunk, pivot, exponent) for chunk in values.split(PASS_CHUNK)]
    return joined(parts)


def chunk_pass(chunk: torch.Tensor, pivot: float, exponent: int) -> Pass:
    """Return the pass over one chunk, in float64."""
    x = chunk.to(torch.float64)
    limits = range_of(x)
    if not math.isfinite(limits.low + limits.high) and not x.isfinite().all():
        x = x[x.isfinite()]
        limits = range_of(x)

    centred = about(x, pivot, exponent)
    square = centred * centred
    sums = [centred.sum(), square.sum(), (square * centred).sum(), (square * square).sum()]
    s1, s2, s3, s4 = torch.stack(sums).tolist()
    return Pass(
        count=x.numel(),
        powers=(s1, s2, s3, s4),
        min=limits.low + 0.0,  # no negative zero
        max=limits.high + 0.0,
        nonfinite=chunk.numel() - x.numel(),
        pivot=pivot,
        exponent=exponent,
    )


def range_of(x: torch.Tensor) -> Range:
    """Return the limits of the values; those of nothing are the wrong way round."""
    if not x.numel():
        return Range(math.inf, -math.inf)
    low, high = torch.stack(torch.aminmax(x)).tolist()
    return Range(low, high)


def about(x: torch.Tensor, pivot: float, exponent: int) -> torch.Tensor:
    """Return 2^exponent (x - pivot)."""
    if not exponent:
        return x - pivot
    half, other_half = halves_of_power(exponent)
    return x * half * other_half - math.ldexp(pivot, exponent)


def in_storage_order(matrix: torch.Tensor) -> torch.Tensor:
    """Return all values in one row, in the order of memory where it has no gaps."""
    if matrix.ndim == 2 and matrix.T.is_contiguous():  # noqa: PLR2004  # a matrix
        return matrix.T.reshape(-1)
    return matrix.reshape(-1)


def counts_of_keys(flat: torch.Tensor, shift: int, keys: int) -> np.ndarray:
    """Return how many values have each key, the first bits of a float32: int64.

    Args:
        flat: In one row.
        shift: Bits of a float32 behind its key.
        keys: How many keys there are.
    """
    total = np.zeros(keys, np.int64)
    for chunk in flat.split(PIECE):
        words = chunk.to(torch.float32).contiguous().view(torch.int32)
        key = (words >> shift) & (keys - 1)
        total += torch.bincount(key.long(), minlength=keys).cpu().numpy()
    return total


def times(matrix: torch.Tensor, right: np.ndarray) -> np.ndarray:
    """Return matrix @ right: rows x k, float32; NaN and infinities count as zero."""
    block = as_tensor(right).to(matrix.device)
    parts = [finite(piece) @ block for piece in pieces(matrix)]
    return torch.cat(parts).cpu().numpy()


def transposed_times(matrix: torch.Tensor, left: np.ndarray) -> np.ndarray:
    """Return matrix^T @ left: columns x k, float32; NaN and infinities count as zero."""
    matrix_pieces = pieces(matrix)
    heights = [len(piece) for piece in matrix_pieces]
    left_pieces = as_tensor(left).to(matrix.device).split(heights)
    total = torch.zeros(matrix.shape[1], left.shape[1], device=matrix.device)
    for piece, left_piece in zip(matrix_pieces, left_pieces, strict=True):
        total += finite(piece).T @ left_piece
    return total.cpu().numpy()


def squared_row_lengths(matrix: torch.Tensor) -> np.ndarray:
    """Return the squared length of every row, float32."""
    lengths = [finite(piece).square().sum(1) for piece in pieces(matrix)]
    return torch.cat(lengths).cpu().numpy()


def trace_of_product(one: torch.Tensor, other: torch.Tensor, weights: np.ndarray) -> float:
    """Return the trace of diag(weights) one other.

    Args:
        one: n x k.
        other: k x n.
        weights: n.
    """
    column = as_tensor(weights).to(one.device)[:, None]
    total = 0.0
    start = 0
    for piece in pieces(one):
        rows = slice(start, start + len(piece))
        products = finite(piece) * finite(other[:, rows].T) * column[rows]
        total += float(products.double().sum())
        start += len(piece)
    return total


def stretches(matrix: torch.Tensor, places: "Places", length: int) -> np.ndarray:
    """Return `length` neighbours in a row from each of some places on: places x length, float32."""
    rows = []
    for row, column in zip(places.rows, places.columns, strict=True):
        rows.append(matrix[row, column : column + length])
    return torch.stack(rows).to(torch.float32).cpu().numpy()


def pieces(matrix: torch.Tensor) -> Sequence[torch.Tensor]:
    """Return a matrix cut into some rows at a time, of which float32 copies fit beside it."""
    height = max(1, PIECE // max(1, matrix.shape[1]))
    parts: Sequence[torch.Tensor] = matrix.split(height)
    return parts


def finite(piece: torch.Tensor) -> torch.Tensor:
    """Return float32 values, with zeros for NaN and infinities."""
    if piece.dtype == torch.float32:
        return torch.nan_to_num(piece, 0.0, 0.0, 0.0)
    return piece.to(torch.float32).nan_to_num_(0.0, 0.0, 0.0)
