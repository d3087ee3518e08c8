"""Sixteen signed sums of a tensor's values: how far two tensors of one shape lie apart.

Linear, and rows appended below change it by their own sums alone.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from registry.numerics.arrays import Values, as_array, contiguous, finite
from registry.numerics.sketches import signs
from registry.numerics.thin_products import converter

WIDTH = 16  # sums
BLOCK = 4096  # values that one table of signs covers; every block has signs of its own besides
BLOCKS_AT_ONCE = 32  # 512 KiB in float32, which stay in a cache
ROUND = BLOCK * BLOCKS_AT_ONCE  # values that are summed up together
TABLE_SEED, BLOCK_SEED = 21, 22


class FlatSketch(NamedTuple):
    """The size of a tensor and its image.

    Attributes:
        length: root of the sum of the squared finite values.
        sums: 16 numbers; their squares add up to length^2 in the mean, off by a third or so.
    """

    length: float
    sums: tuple[float, ...]


def flat_sketch(tensor: Values) -> FlatSketch:
    """Return the length and the signed sums of a tensor of any type and shape.

    sums[k] = sum over values x_i of s_k(i) x_i / 4 with s_k(i) = table[i mod 4096, k] times
    block[i div 4096, k], all signs from fixed seeds. NaN and infinities count as zero.
    """
    flat = contiguous(as_array(tensor)).reshape(-1)
    sketch = PiecewiseSketch(len(flat))
    sketch.add(flat)
    return sketch.result()


class PiecewiseSketch:
    """The sketch of a tensor that comes a few values at a time, to the bit the same."""

    def __init__(self, count: int) -> None:
        """Begin before the first of so many values."""
        self._table = signs(BLOCK, WIDTH, TABLE_SEED)
        self._block_signs = signs(-(-count // BLOCK), WIDTH, BLOCK_SEED)
        self._squares = 0.0
        self._sums = np.zeros(WIDTH)
        self._blocks = 0

    def add(self, flat: np.ndarray) -> None:
        """Take the next values: a multiple of ROUND, unless they are the last."""
        for first, values in rows_of_blocks(flat):
            self._squares += squared_length(values)
            image = block_images(values, self._table)  # blocks x 16
            start = self._blocks + first
            flips = self._block_signs[start : start + len(image)]
            self._sums += (image * flips).sum(0, dtype=np.float64)
        self._blocks += len(flat) // BLOCK

    def result(self) -> FlatSketch:
        """Return the sketch of all values."""
        scaled = (self._sums / math.sqrt(WIDTH)).astype(np.float32)  # as they are stored
        return FlatSketch(math.sqrt(self._squares), tuple(scaled.tolist()))


def rows_of_blocks(flat: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield a few blocks at a time, in float32, with the number of the first.

    The last of them may not be full.
    """
    count = len(flat) // BLOCK
    converted = converter(flat[: count * BLOCK].reshape(-1, BLOCK))
    for first in range(0, count, BLOCKS_AT_ONCE):
        blocks = slice(first, min(first + BLOCKS_AT_ONCE, count))
        yield first, converted(blocks, slice(0, BLOCK)).reshape(-1)
    rest = flat[count * BLOCK :]
    if len(rest):
        yield count, finite(rest)


def squared_length(values: np.ndarray) -> float:
    """Return the sum of squares of a row of float32, in float64."""
    exact = values.astype(np.float64)
    return float(exact @ exact)


def block_images(values: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return the signed sums of full blocks, or of one that is not: blocks x 16.

    The latter counts as if zeros followed.
    """
    if len(values) < BLOCK:
        values = np.concatenate([values, np.zeros(BLOCK - len(values), np.float32)])
    images: np.ndarray = values.reshape(-1, BLOCK) @ table
    return images
