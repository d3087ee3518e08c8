"""Compiled conversion of a piece of a bfloat16 matrix to float32, at the speed of memory."""

from functools import cache
from typing import Any

import numpy as np

from registry.numerics.compiled.jit import compiled


@cache
def widening() -> Any:
    """Return the kernel: all words of a matrix, the first, how many a row has, the piece.

    Raises NumbaError.
    """
    return compiled(widen, "(u2[::1], i8, i8, f4[:, ::1])")


def widen(words: Any, first: Any, stride: Any, piece: Any) -> None:
    """Fill a piece with float32 values; NaN and infinities become zero."""
    rows, columns = piece.shape
    for i in range(rows):
        begin = first + i * stride
        row = words[begin : begin + columns]
        values = piece[i]
        for j in range(columns):
            word = np.uint32(row[j]) << np.uint32(16)
            is_finite = (word & np.uint32(0x7F800000)) != np.uint32(0x7F800000)
            kept = word if is_finite else np.uint32(0)
            values[j] = np.uint32(kept).view(np.float32)
