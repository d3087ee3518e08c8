"""A matrix of one model beside the one that it comes from: how far it moved, and by which rank."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from registry.lineage.features import ComparedMatrix, Spot

SPREAD = 2.0  # by which an estimate from a sketch may exceed the true size
NOISE_TOP = 1.3  # above the largest singular value of square noise, 2 sqrt(size) deviations
# by which a sketch's singular values fall where the rank ends; at full rank by 2 or 3 at most
GAP = 5.0


class SketchPair(NamedTuple):
    """The square sketches of two matrices of one shape."""

    later: np.ndarray
    earlier: np.ndarray


class Place(NamedTuple):
    """Where a matrix of the later model stands: its layer, counted from 0, and its spot there."""

    layer: int
    spot: Spot


@dataclass(frozen=True)
class MatrixPair:
    """A matrix of the later model and the one of the earlier that it is compared with."""

    place: Place
    later: ComparedMatrix
    earlier: ComparedMatrix

    @property
    def projection(self) -> str:
        """Query, key, value, output, gate, up or down."""
        return self.later.projection

    @cached_property
    def same(self) -> bool:
        """Whether every value is equal, or is once it is cast to bf16."""
        return self.later.bf16_digest == self.earlier.bf16_digest

    @property
    def same_shape(self) -> bool:
        """Whether both have as many rows and columns."""
        later, earlier = self.later, self.earlier
        return later.rows == earlier.rows and later.cols == earlier.cols

    @cached_property
    def sketches(self) -> SketchPair | None:
        """Both sketches; None where one is missing or the matrices have different shapes."""
        later, earlier = self.later.sketch, self.earlier.sketch
        if later is None or earlier is None or len(later) != len(earlier):
            return None
        if not self.same_shape:
            return None
        return SketchPair(self.later.square, self.earlier.square)

    @cached_property
    def size(self) -> float | None:
        """|later - earlier| / |earlier|, estimated from the sketches; None without any."""
        if self.sketches is None:
            return None
        if self.same:
            return 0.0
        change = self.sketches.later - self.sketches.earlier
        squares = float(np.vdot(change, change))
        length = float(np.vdot(self.sketches.earlier, self.sketches.earlier)) or 1.0
        return math.sqrt(squares / length)


def change_rank(later: np.ndarray, earlier: np.ndarray, rounding: float) -> int:
    """Return the rank of a change, from the singular values of its square sketch.

    The rank is where they fall by GAP or more to what rounding gives in the directions that are
    left; without such a step it is full.
    """
    return change_ranks([SketchPair(later, earlier)], rounding)[0]


def change_ranks(pairs: Sequence[SketchPair], rounding: float) -> list[int]:
    """Return `change_rank` of pairs of sketches of one size."""
    changes = np.array([later - earlier for later, earlier in pairs])
    spectra = np.linalg.svd(changes, compute_uv=False)
    ranks = []
    for (_, earlier), values in zip(pairs, spectra, strict=True):
        length = math.sqrt(np.vdot(earlier, earlier))
        ranks.append(rank_of_spectrum(values, rounding * length))
    return ranks


def rank_of_spectrum(values: np.ndarray, error: float) -> int:
    """Return the rank at which singular values fall to what rounding of length `error` gives."""
    size = len(values)
    deviation = error / size  # of an entry of the sketch
    noise = NOISE_TOP * 2 * deviation * np.sqrt(np.arange(size, 0, -1))
    below = np.flatnonzero(values <= noise)
    rank = int(below[0]) if len(below) else size
    if rank == 0:
        return 0

    has_step = rank < len(values) and values[rank - 1] > GAP * values[rank]
    return rank if has_step else len(values)


def pooled_cosine(pairs: Sequence[SketchPair]) -> float:
    """Return sum <a_i, b_i> / sum |a_i| |b_i| over pairs of sketches; 0 where all lengths are 0."""
    products = 0.0
    lengths = 0.0
    for later, earlier in pairs:
        products += np.vdot(later, earlier)
        squares = np.vdot(later, later) * np.vdot(earlier, earlier)
        lengths += squares**0.5
    return float(products / lengths) if lengths else 0.0


def mean_of_known(values: Sequence[float | None]) -> float:
    """Return the mean of the values that are not None; 0 where none is known."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else 0.0
