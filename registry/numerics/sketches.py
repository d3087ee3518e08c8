"""Small linear images of matrices that keep angles and lengths: what makes two models comparable without their weights.

Every direction is made of signs that are drawn once for all: a matrix of one shape has the same directions everywhere.
"""

from functools import lru_cache

import numpy as np
import torch

from registry.numerics.unit_vectors import unit

PIECE, DEVICE_PIECE = (
    1 << 17,
    1 << 26,
)  # values that are turned to float32 at a time: in a cache, and on a GPU
RUN = 128  # values that stand side by side, looked at together
RUNS = 64  # looked at in one matrix
ROWS_SEED, COLUMNS_SEED, FOLD_SEED = 11, 12, 13


@lru_cache(256)
def signs(count: int, width: int, seed: int) -> torch.Tensor:
    """Count x width numbers +1 and -1 in float32; the first rows are the same whatever `count` is."""
    raw = np.random.PCG64(seed).random_raw(-(-count * width // 64))
    bits = np.unpackbits(np.asarray(raw, dtype="<u8").view(np.uint8), count=count * width)
    return torch.from_numpy(bits.reshape(count, width).astype(np.float32) * 2 - 1)


def times(matrix: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Matrix @ right in float32, rows x k, from a matrix of any floating type; NaN and infinities count as zero."""
    right = right.to(matrix.device)
    return torch.cat([finite(block) @ right for block in pieces(matrix)])


def transposed_times(matrix: torch.Tensor, left: torch.Tensor) -> torch.Tensor:
    """matrix^T @ left in float32, columns x k, likewise."""
    rows = [len(block) for block in pieces(matrix)]
    blocks = zip(pieces(matrix), left.to(matrix.device).split(rows), strict=True)
    return sum(
        (finite(block).T @ part for block, part in blocks), torch.zeros((), device=matrix.device)
    )


def pieces(matrix: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Some rows at a time: float32 copies of more would stay with the allocator of every thread."""
    most = PIECE if matrix.device.type == "cpu" else DEVICE_PIECE
    return tuple(matrix.split(max(1, most // max(1, matrix.shape[1]))))


def finite(block: torch.Tensor) -> torch.Tensor:
    """In float32, with zeros for what is no number."""
    if block.dtype == torch.float32:
        return torch.nan_to_num(block, 0.0, 0.0, 0.0)
    return block.to(torch.float32).nan_to_num_(0.0, 0.0, 0.0)


def sketch(matrix: torch.Tensor, size: int) -> torch.Tensor:
    """A^T W B / size with signs A, B: size x size, float32.

    Linear in W; its squared length is |W|_F^2 in the mean, off by a part of about 2 / size. Of a matrix of rank r it
    has rank r, or size if that is less.
    """
    rows, cols = matrix.shape
    thin = times(matrix, signs(cols, size, COLUMNS_SEED))
    return (signs(rows, size, ROWS_SEED).to(thin.device).T @ thin / size).cpu()


def thin_sketch(left: torch.Tensor, right: torch.Tensor, size: int) -> torch.Tensor:
    """The sketch of left @ right from these factors, rows x r and r x columns."""
    rows, cols = left.shape[0], right.shape[1]
    outer, inner = signs(rows, size, ROWS_SEED), signs(cols, size, COLUMNS_SEED)
    thin = (outer.T @ left.to(torch.float32)).double() @ (right.to(torch.float32) @ inner).double()
    return (thin / size).nan_to_num(0.0, 0.0, 0.0).to(torch.float32)


def folded(values: torch.Tensor, width: int) -> np.ndarray:
    """Any tensor as `width` numbers of length 1 whose angles are near those of the tensors; zeros stay zero."""
    flat = values.reshape(-1).to(torch.float32)
    return unit((flat @ signs(len(flat), width, FOLD_SEED)).double().numpy())


def texture(matrix: torch.Tensor) -> tuple[float, float]:
    """How many different sizes 128 neighbours in a row have, as a share, and the share of zeros: means of 64 places.

    Weights as training leaves them in bf16 come to some 0.8, those on a grid of 8 bits to 0.5, of 4 bits to 0.07.
    """
    rows, cols = matrix.shape
    run = min(RUN, cols)
    places = np.random.Generator(np.random.PCG64(rows * cols)).random((RUNS, 2))
    at = [(int(r * rows), int(c * (cols - run + 1))) for r, c in places]
    taken = (
        torch.stack([matrix[row, col : col + run] for row, col in at])
        .to(torch.float32)
        .abs()
        .cpu()
        .numpy()
    )
    taken.sort(axis=1)
    distinct = 1 + (np.diff(taken, axis=1) > 0).sum(1)
    return float(distinct.mean() / run), float((taken == 0).mean())
