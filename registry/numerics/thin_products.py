"""Products of a matrix with a few vectors, piece by piece from its storage type.

A piece in float32 stays in a cache; no float copy of a whole matrix is made. NaN and infinities
count as zero.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from registry.numerics.arrays import BF16, F16, F32, Values, as_array, finite, is_on_gpu
from registry.numerics.compiled.loading import loaded, remembered

PIECE = 1 << 19  # values: 2 MiB in float32
WHOLE = 4096  # columns of rows that a piece has whole: such are fetched ahead in one go
NARROW = 512  # columns of a piece of longer rows
FACING = 256, 512  # rows and columns of a piece that is taken together with one across it
COMPILED_FROM = 1 << 18  # values: a smaller matrix is converted before a kernel is loaded


Convert = Callable[[slice, slice], np.ndarray]
"""Some rows and columns of a matrix to their values, float32."""


class Piece(NamedTuple):
    """A part of a matrix: its rows, its columns, and its values in float32."""

    rows: slice
    columns: slice
    values: np.ndarray


def times(matrix: Values, right: np.ndarray) -> np.ndarray:
    """Return matrix @ right in float32: rows x k.

    Args:
        matrix: Of any floating type; NaN and infinities count as zero.
        right: columns x k, float32.
    """
    if is_on_gpu(matrix):
        from registry.numerics import on_gpu  # noqa: PLC0415  # it takes torch

        return on_gpu.times(matrix, right)
    array = as_array(matrix)
    if lies_by_columns(array):
        return product_with_transposed(array.T, right)
    return product(array, right)


def transposed_times(matrix: Values, left: np.ndarray) -> np.ndarray:
    """Return matrix^T @ left in float32: columns x k.

    Args:
        matrix: Of any floating type; NaN and infinities count as zero.
        left: rows x k, float32.
    """
    if is_on_gpu(matrix):
        from registry.numerics import on_gpu  # noqa: PLC0415  # it takes torch

        return on_gpu.transposed_times(matrix, left)
    array = as_array(matrix)
    if lies_by_columns(array):
        return product(array.T, left)
    return product_with_transposed(array, left)


def widened(array: np.ndarray) -> np.ndarray:
    """Return a matrix in float32; NaN and infinities count as zero."""
    rows, columns = array.shape
    if lies_by_columns(array):
        return widened(array.T).T
    whole = np.empty((rows, columns), np.float32)
    for piece in pieces(array):
        whole[piece.rows, piece.columns] = piece.values
    return whole


def squared_row_lengths(matrix: Values) -> np.ndarray:
    """Return the squared length of every row, float32; NaN and infinities count as zero."""
    if is_on_gpu(matrix):
        from registry.numerics import on_gpu  # noqa: PLC0415  # it takes torch

        return on_gpu.squared_row_lengths(matrix)
    array = as_array(matrix)
    lengths = np.zeros(len(array), np.float32)
    if lies_by_columns(array):
        for piece in pieces(array.T):
            lengths[piece.columns] += np.einsum("ij,ij->j", piece.values, piece.values)
    else:
        for piece in pieces(array):
            lengths[piece.rows] += np.einsum("ij,ij->i", piece.values, piece.values)
    return lengths


def trace_of_product(one: Values, other: Values, weights: np.ndarray) -> float:
    """Return the trace of diag(weights) one other; NaN and infinities count as zero.

    Args:
        one: n x k.
        other: k x n.
        weights: n, float32.
    """
    if is_on_gpu(one) and is_on_gpu(other):
        from registry.numerics import on_gpu  # noqa: PLC0415  # it takes torch

        return on_gpu.trace_of_product(one, other, weights)
    left, right = as_array(one), as_array(other)
    facing_piece = converter(right)
    total = 0.0
    for piece in pieces(left, *FACING):
        facing = facing_piece(piece.columns, piece.rows)
        diagonal = np.einsum("ij,ji->i", piece.values, facing)
        total += float(diagonal.astype(np.float64) @ weights[piece.rows])
    return total


def lies_by_columns(array: np.ndarray) -> bool:
    """Return whether a matrix lies in memory column by column alone."""
    return array.flags.f_contiguous and not array.flags.c_contiguous


def product(array: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return array @ right of an array that lies row by row."""
    image = product_of_float32(array, right)
    if image is not None:
        return image
    image = np.zeros((len(array), right.shape[1]), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # beyond float32
        for piece in pieces(array):
            image[piece.rows] += piece.values @ right[piece.columns]
    return image


def product_with_transposed(array: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Return array^T @ left of an array that lies row by row."""
    image = product_of_float32(array.T, left)
    if image is not None:
        return image
    image = np.zeros((array.shape[1], left.shape[1]), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # beyond float32
        for piece in pieces(array):
            image[piece.columns] += piece.values.T @ left[piece.rows]
    return image


def product_of_float32(array: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """Return array @ right; None of other types, or where anything is not finite."""
    if array.dtype != F32:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        image: np.ndarray = array @ right
    return image if np.isfinite(image).all() else None


def pieces(
    array: np.ndarray, height: int | None = None, width: int | None = None
) -> Iterator[Piece]:
    """Yield a matrix in pieces; the values of each are gone with the next.

    Args:
        height: Rows of a piece; by default as many as make it PIECE values.
        width: Columns of a piece; by default all where these are few.
    """
    rows, columns = array.shape
    width = width or (columns if columns <= WHOLE else NARROW)
    height = height or max(1, PIECE // max(1, width))
    converted = converter(array)
    for top in range(0, rows, height):
        some_rows = slice(top, min(top + height, rows))
        for start in range(0, columns, width):
            some_columns = slice(start, min(start + width, columns))
            yield Piece(some_rows, some_columns, converted(some_rows, some_columns))


def converter(array: np.ndarray) -> Convert:
    """Return what gives a piece of a matrix in float32, in memory that the next piece takes."""
    if lies_by_columns(array):
        of_transposed = converter(array.T)
        return lambda rows, columns: of_transposed(columns, rows).T

    is_large = array.dtype in (BF16, F16) and array.size >= COMPILED_FROM
    widen = widening() if is_large and array.flags.c_contiguous else None
    if widen is None:
        return lambda rows, columns: finite(array[rows, columns])

    memory = np.empty(min(PIECE, array.size), np.float32)

    def converted(rows: slice, columns: slice) -> np.ndarray:
        shape = rows.stop - rows.start, columns.stop - columns.start
        values = memory[: shape[0] * shape[1]].reshape(shape)
        widen(array, rows, columns, values)
        return values

    return converted


@remembered
def widening() -> Callable[..., None] | None:
    """Return what converts a piece, compiled; None without numba.

    numba takes half a second to import, so that only a large matrix waits for it.
    """
    module = loaded("widening")
    if module is None:
        return None
    widen: Callable[..., None] = module.widen
    return widen
