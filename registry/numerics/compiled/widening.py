"""Compiled conversion of pieces of matrices of 16-bit floats to float32, as fast as memory."""

from functools import cache
from typing import Any

import ml_dtypes
import numpy as np

from registry.numerics.compiled.jit import compiled

# How a type lies in float32: how far a magnitude, as the upper half of a word, is moved right; the
# first moved pattern that is no finite number; and the exponent of what is then multiplied by.
LAYOUTS = {
    np.dtype(ml_dtypes.bfloat16): (0, 0x7F800000, 0),
    np.dtype(np.float16): (3, 0x0F800000, 112),
}


def widen(matrix: np.ndarray, rows: slice, columns: slice, piece: np.ndarray) -> None:
    """Fill a piece with values of a matrix, in float32; NaN and infinities become zero.

    Args:
        matrix: of a type of LAYOUTS, row by row in memory.
        piece: rows x columns, float32.
    """
    words = matrix.reshape(-1).view(np.uint16)
    stride = matrix.shape[1]
    first = rows.start * stride + columns.start
    fill = kernel(matrix.dtype)
    fill(words[first:], stride, piece)


@cache
def kernel(dtype: np.dtype) -> Any:
    """Return the loop for a type. Raises NumbaError."""
    shift, infinity, exponent = LAYOUTS[dtype]
    scale = np.float32(2.0**exponent)

    def fill(words: Any, stride: Any, piece: Any) -> None:
        """Fill a piece from the first word on; its next row begins `stride` words later."""
        rows, columns = piece.shape
        for i in range(rows):
            begin = i * stride
            row = words[begin : begin + columns]
            values = piece[i]
            for j in range(columns):
                word = np.uint32(row[j]) << np.uint32(16)
                magnitude = (word & np.uint32(0x7FFFFFFF)) >> np.uint32(shift)
                sign = word & np.uint32(0x80000000)
                kept = magnitude | sign if magnitude < np.uint32(infinity) else np.uint32(0)
                values[j] = np.uint32(kept).view(np.float32) * scale

    return compiled(fill, "(u2[::1], i8, f4[:, ::1])")
