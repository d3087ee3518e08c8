"""Matrices of one model beside those that they come from: how far they moved, by which rank."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from registry.lineage.matrix_columns import MatrixColumns, are_of, rows_of

SPREAD = 2.0  # by which an estimate from a sketch may exceed the true size
NOISE_TOP = 1.3  # above the largest singular value of square noise, 2 sqrt(size) deviations
# by which a sketch's singular values fall where the rank ends; at full rank by 2 or 3 at most
GAP = 5.0


class SketchPairs(NamedTuple):
    """The sketches, all of one size, of pairs of matrices of one shape.

    Attributes:
        places: k places of the pairs.
        later, earlier: k x n, the squares row by row.
    """

    places: np.ndarray
    later: np.ndarray
    earlier: np.ndarray

    @property
    def side(self) -> int:
        """How many rows and columns a square has."""
        return math.isqrt(self.later.shape[1])


@dataclass(frozen=True, eq=False)
class MatrixPairs:
    """n matrices of the later model, each with the one of the earlier that it is compared with.

    Attributes:
        later, earlier: All matrices of the two models.
        layers: Of the later model, counted from 0, in which each pair stands.
        ours, theirs: Places of each pair's matrices among all.
    """

    later: MatrixColumns
    earlier: MatrixColumns
    layers: np.ndarray
    ours: np.ndarray
    theirs: np.ndarray

    def __len__(self) -> int:
        """Return how many pairs there are."""
        return len(self.ours)

    @cached_property
    def projections(self) -> np.ndarray:
        """The places of the projections in PROJECTIONS."""
        projections: np.ndarray = self.later.projections[self.ours]
        return projections

    def of_projections(self, *names: str) -> np.ndarray:
        """Return whether each pair is of one of some projections."""
        return are_of(self.projections, names)

    @cached_property
    def same(self) -> np.ndarray:
        """Whether every value is equal, or is once it is cast to bf16."""
        same: np.ndarray = self.later.digests[self.ours] == self.earlier.digests[self.theirs]
        return same

    @cached_property
    def same_shape(self) -> np.ndarray:
        """Whether both have as many rows and columns."""
        rows = self.later.rows[self.ours] == self.earlier.rows[self.theirs]
        cols = self.later.cols[self.ours] == self.earlier.cols[self.theirs]
        same: np.ndarray = rows & cols
        return same

    @cached_property
    def sketches(self) -> list[SketchPairs]:
        """Both sketches of the pairs that have them, in one size and of one shape."""
        every = []
        for size in self.later.stack_rows:
            ours, later = self.later.sketches_at(self.ours, size)
            theirs, earlier = self.earlier.sketches_at(self.theirs, size)
            both = ours & theirs & self.same_shape
            if both.any():
                later = rows_of(later, np.flatnonzero(both[ours]))
                earlier = rows_of(earlier, np.flatnonzero(both[theirs]))
                every.append(SketchPairs(np.flatnonzero(both), later, earlier))
        return every

    @cached_property
    def products(self) -> np.ndarray:
        """Products <later, earlier>, <later, later>, <earlier, earlier> of the sketches: n x 3.

        NaN without sketches.
        """
        products = np.full((len(self), 3), np.nan)
        for places, later, earlier in self.sketches:
            products[places, 0] = np.einsum("ij,ij->i", later, earlier)
            products[places, 1] = np.einsum("ij,ij->i", later, later)
            products[places, 2] = np.einsum("ij,ij->i", earlier, earlier)
        return products

    @cached_property
    def sketched(self) -> np.ndarray:
        """Whether there are sketches of both."""
        sketched: np.ndarray = ~np.isnan(self.products[:, 0])
        return sketched

    @cached_property
    def sizes(self) -> np.ndarray:
        """|later - earlier| / |earlier|, estimated from the sketches; NaN without any."""
        sizes = np.full(len(self), np.nan)
        for places, later, earlier in self.sketches:
            change = later - earlier
            squares = np.einsum("ij,ij->i", change, change)
            lengths = self.products[places, 2]
            sizes[places] = np.sqrt(squares / np.where(lengths > 0, lengths, 1.0))
        sizes[self.same & self.sketched] = 0.0
        return sizes

    def changed_sizes(self, chosen: np.ndarray) -> np.ndarray:
        """Return the sizes of those of the chosen pairs that changed and have sketches."""
        sizes: np.ndarray = self.sizes[chosen & ~self.same & self.sketched]
        return sizes

    def cosine(self, chosen: np.ndarray) -> float:
        """Return sum <a_i, b_i> / sum |a_i| |b_i| over chosen pairs of sketches.

        0 where all lengths are 0.
        """
        product, later, earlier = self.products[chosen & self.sketched].T
        lengths = float(np.sqrt(later * earlier).sum())
        return float(product.sum()) / lengths if lengths else 0.0


def halves_of(every: Sequence[SketchPairs], chosen: np.ndarray) -> Iterator[SketchPairs]:
    """Yield the sketches of the chosen pairs, half of those of one size at a time.

    Args:
        chosen: Of all pairs, whether each is.
    """
    for pairs in every:
        rows = np.flatnonzero(chosen[pairs.places])
        for part in np.array_split(rows, 2):
            if len(part):
                yield SketchPairs(pairs.places[part], pairs.later[part], pairs.earlier[part])


def change_ranks(pairs: SketchPairs, rounding: float) -> np.ndarray:
    """Return the ranks of changes, from the singular values of their sketches.

    The rank is where they fall by GAP or more to what rounding gives in the directions that are
    left; without such a step it is full.

    Args:
        rounding: Length of what rounding gives, of that of the earlier matrix.
    """
    size = pairs.side
    changes = pairs.later - pairs.earlier
    values = np.linalg.svd(changes.reshape(-1, size, size), compute_uv=False)
    lengths = np.linalg.norm(pairs.earlier, axis=1)
    deviations = rounding * lengths / size  # of an entry of the sketch
    noise = NOISE_TOP * 2 * deviations[:, None] * np.sqrt(np.arange(size, 0, -1))
    below = values <= noise

    ranks = np.where(below.any(1), below.argmax(1), size)
    every = np.arange(len(values))
    last = values[every, np.maximum(ranks - 1, 0)]
    following = values[every, np.minimum(ranks, size - 1)]
    has_step = (ranks < size) & (last > GAP * following)
    resolved: np.ndarray = np.where((ranks == 0) | has_step, ranks, size)
    return resolved


def mean_of_known(values: np.ndarray) -> float:
    """Return the mean of the values that are not NaN; 0 where none is known."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0
