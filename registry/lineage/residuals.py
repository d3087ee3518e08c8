"""What one model leaves of another, as numbers whose squares are shares of its weights' energy."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np


class Blocks(NamedTuple):
    """k blocks of numbers that belong together, each height x width of one sketch, or 1 x n.

    Attributes:
        layers: Of the model in question; OUTSIDE for what stands in none.
        later: Of the model in question, k x height x width; their squared lengths are near
            `energies`.
        earlier: Of the other, alike; zeros where it has no counterpart.
        energies: Sums of the squared weights that the blocks stand for.
    """

    layers: np.ndarray
    later: np.ndarray
    earlier: np.ndarray
    energies: np.ndarray

    @property
    def shape(self) -> "BlocksShape":
        """Where the blocks stand, and what a block's height and width are."""
        _, height, width = self.later.shape
        return BlocksShape(tuple(self.layers.tolist()), height, width)

    @property
    def left_over(self) -> np.ndarray:
        """Later - earlier; all of the energy where that is longer than later itself."""
        difference: np.ndarray = self.later - self.earlier
        left = np.einsum("kij,kij->k", difference, difference)
        whole = np.einsum("kij,kij->k", self.later, self.later)
        is_longer = (left > np.minimum(whole, self.energies)) & (whole > 0)
        if is_longer.any():
            scale = (self.energies[is_longer] / whole[is_longer]) ** 0.5
            difference[is_longer] = self.later[is_longer] * scale[:, None, None]
        return difference


class BlocksShape(NamedTuple):
    """The layers of blocks, and the height and width of each."""

    layers: tuple[int, ...]
    height: int
    width: int


@dataclass(frozen=True)
class Residual:
    """What one model leaves of another in one view of one part.

    Attributes:
        numbers: later - earlier, block after block.
        rows, columns: For each number, which row and column of all blocks' it stands in.
        blocks: For each number, which block it is of.
        layers: For each number, which layer of the model; OUTSIDE for none.
        energy: Of all weights of the part.
    """

    numbers: np.ndarray
    blocks: np.ndarray
    layers: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    energy: float

    @classmethod
    def of(cls, every: Sequence[Blocks]) -> "Residual":
        """Return the residual of blocks, none of which leaves more than its energy."""
        numbers = [np.zeros(0), *(blocks.left_over.ravel() for blocks in every)]
        layout = layout_of(tuple(blocks.shape for blocks in every))
        return cls(
            numbers=np.concatenate(numbers),
            blocks=layout.blocks,
            layers=layout.layers,
            rows=layout.rows,
            columns=layout.columns,
            energy=float(sum(blocks.energies.sum() for blocks in every)),
        )

    @cached_property
    def square(self) -> float:
        """What is left, as a sum of squares of weights."""
        return float(self.numbers @ self.numbers)


class Layout(NamedTuple):
    """Where every number of blocks that follow one another stands, as of Residual."""

    blocks: np.ndarray
    layers: np.ndarray
    rows: np.ndarray
    columns: np.ndarray


@lru_cache(16)
def layout_of(shapes: tuple[BlocksShape, ...]) -> Layout:
    """Return the layout of blocks; one model's is used often."""
    parts = [np.zeros((4, 0), int)]
    blocks = rows = columns = 0
    for layers, height, width in shapes:
        count = len(layers)
        block, row, column = np.indices((count, height, width)).reshape(3, -1)
        places = [blocks + block, np.array(layers, int)[block]]
        places += [rows + block * height + row, columns + block * width + column]
        parts.append(np.stack(places))
        blocks += count
        rows += count * height
        columns += count * width
    return Layout(*np.concatenate(parts, axis=1))
