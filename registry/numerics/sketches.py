"""Small linear images of matrices that keep angles and lengths: models compare without weights.

Every direction is made of signs from a fixed seed: a matrix of one shape has the same
directions everywhere.
"""

from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np
import torch

from registry.numerics.unit_vectors import unit

CPU_PIECE = 1 << 17  # values converted to float32 at a time, which stay in a cache
DEVICE_PIECE = 1 << 26  # on a GPU
RUN = 128  # values that stand side by side, looked at together
RUNS = 64  # looked at in one matrix
ROWS_SEED, COLUMNS_SEED, FOLD_SEED = 11, 12, 13
Array = TypeVar("Array", torch.Tensor, np.ndarray)


class Texture(NamedTuple):
    """Shares of 1: different magnitudes among neighbours in a row, and zeros."""

    distinct: float
    zeros: float


@lru_cache(256)
def signs(count: int, width: int, seed: int) -> torch.Tensor:
    """Return count x width signs, +1 or -1, float32; the first rows are the same for any count."""
    bits_needed = count * width
    words = np.random.PCG64(seed).random_raw(-(-bits_needed // 64))
    octets = np.asarray(words, dtype="<u8").view(np.uint8)
    bits = np.unpackbits(octets, count=bits_needed).reshape(count, width)
    return torch.from_numpy(bits.astype(np.float32) * 2 - 1)


def centred_signs(count: int, width: int, seed: int) -> torch.Tensor:
    """Return signs less the mean of each column: count x width, float32.

    They do not see the vector of ones, which a norm that subtracts the mean gives every model.
    """
    directions = signs(count, width, seed)
    return directions - directions.mean(0)


def times(matrix: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return matrix @ right in float32: rows x k.

    Args:
        matrix: Of any floating type; NaN and infinities count as zero.
        right: columns x k.
    """
    right = right.to(matrix.device)
    parts = [finite(piece) @ right for piece in pieces(matrix)]
    return torch.cat(parts)


def transposed_times(matrix: torch.Tensor, left: torch.Tensor) -> torch.Tensor:
    """Return matrix^T @ left in float32: columns x k.

    Args:
        matrix: Of any floating type; NaN and infinities count as zero.
        left: rows x k.
    """
    matrix_pieces = pieces(matrix)
    heights = [len(piece) for piece in matrix_pieces]
    left_pieces = left.to(matrix.device).split(heights)
    total = torch.zeros((), device=matrix.device)
    for piece, left_piece in zip(matrix_pieces, left_pieces, strict=True):
        total = total + finite(piece).T @ left_piece
    return total


def pieces(matrix: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return a matrix cut into a few rows at a time.

    float32 copies of more rows would stay with the allocator of every thread.
    """
    on_cpu = matrix.device.type == "cpu"
    most_values = CPU_PIECE if on_cpu else DEVICE_PIECE
    height = max(1, most_values // max(1, matrix.shape[1]))
    return tuple(matrix.split(height))


def finite(piece: torch.Tensor) -> torch.Tensor:
    """Return float32 values, with zeros for NaN and infinities."""
    if piece.dtype == torch.float32:
        return torch.nan_to_num(piece, 0.0, 0.0, 0.0)
    return piece.to(torch.float32).nan_to_num_(0.0, 0.0, 0.0)


def sketch(matrix: torch.Tensor, size: int) -> torch.Tensor:
    """Return A^T W B / size with signs A, B: size x size, float32, on the CPU.

    Linear in W; its squared length is |W|_F^2 in the mean, off by a part of about 2 / size. Of a
    matrix of rank r it has rank r, or size if that is less.
    """
    rows, columns = matrix.shape
    thin = times(matrix, signs(columns, size, COLUMNS_SEED))
    row_signs = signs(rows, size, ROWS_SEED).to(thin.device)
    return (row_signs.T @ thin / size).cpu()


def thin_sketch(left: torch.Tensor, right: torch.Tensor, size: int) -> torch.Tensor:
    """Return the sketch of left @ right from these factors, rows x r and r x columns."""
    rows, columns = left.shape[0], right.shape[1]
    outer = signs(rows, size, ROWS_SEED).T @ left.to(torch.float32)
    inner = right.to(torch.float32) @ signs(columns, size, COLUMNS_SEED)
    image = outer.double() @ inner.double() / size
    return image.nan_to_num(0.0, 0.0, 0.0).to(torch.float32)


def without_identity(image: Array, identity: Array) -> Array:
    """Return a sketch less its part along the sketch of the identity, which is of the same shape.

    Every matrix that maps the residual stream to itself has some of the identity in it, whatever
    the model was trained on.
    """
    share = (image * identity).sum() / (identity**2).sum()
    rest: Array = image - share * identity
    return rest


def folded(values: torch.Tensor, width: int) -> np.ndarray:
    """Return any tensor as `width` numbers of length 1 whose angles are near those of the tensors.

    Zeros stay zero.
    """
    flat = values.reshape(-1).to(torch.float32)
    image = flat @ signs(len(flat), width, FOLD_SEED)
    return unit(image.double().numpy())


def texture(matrix: torch.Tensor) -> Texture:
    """Return how many different magnitudes 128 neighbours in a row have, and how many are zero.

    Both are shares, means over 64 places. Weights as training leaves them in bfloat16 come to some
    0.8 different ones, those of 8-bit quantisation levels to 0.5, of 4-bit levels to 0.07.
    """
    rows, columns = matrix.shape
    run = min(RUN, columns)
    draw = np.random.Generator(np.random.PCG64(rows * columns))
    stretches = []
    for vertical, horizontal in draw.random((RUNS, 2)):
        row = int(vertical * rows)
        column = int(horizontal * (columns - run + 1))
        stretches.append(matrix[row, column : column + run])

    magnitudes = torch.stack(stretches).to(torch.float32).abs().cpu().numpy()
    magnitudes.sort(axis=1)
    steps = np.diff(magnitudes, axis=1) > 0
    distinct = 1 + steps.sum(1)
    return Texture(float(distinct.mean() / run), float((magnitudes == 0).mean()))
