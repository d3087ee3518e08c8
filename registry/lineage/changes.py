"""What was done to one model to get another, in numbers: from the sketches of matched matrices."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from registry.architectures.roles import PROJECTIONS
from registry.lineage.features import ComparedMatrix, ModelFeatures, Spot
from registry.lineage.layer_alignment import Alignment

KIN = 0.25  # cosine from which one layer comes from another; unrelated layers stay below 0.2
ROUNDING = {
    "bfloat16": 2e-3,
    "float16": 3e-4,
    "float32": 1e-6,
    "float64": 1e-9,
}  # relative change of a matrix that is rounded to the type
UNKNOWN_TYPE = 2e-3  # the same for a type that is not listed
SLIGHT = 2.5e-4  # the same within one type: what fp16 loses of numbers that are small for it
NOISE_TOP = 0.9  # of a sketch's largest singular value, where it is noise of length 1
# by which a sketch's singular values fall where the rank ends; at full rank by 2 or 3 at most
GAP = 5.0
MOST_RANK = 16  # that a sketch of 20 x 20 resolves: there must be room to see that there is no more


class SketchPair(NamedTuple):
    """The square sketches of two matrices of one shape."""

    later: np.ndarray
    earlier: np.ndarray


class Place(NamedTuple):
    """Where a matrix of the later model stands: its layer, counted from 0, and its spot there."""

    layer: int
    spot: Spot


class Variety(NamedTuple):
    """Share of different absolute values among neighbours in a row, of both models."""

    later: float
    earlier: float


@dataclass(frozen=True)
class MatrixPair:
    """A matrix of the later model and the one of the earlier that it is compared with."""

    place: Place
    later: ComparedMatrix
    earlier: ComparedMatrix

    @property
    def same(self) -> bool:
        """Whether every value is equal, or is once it is cast to bf16."""
        return self.later.bf16_digest == self.earlier.bf16_digest

    @cached_property
    def sketches(self) -> SketchPair | None:
        """Both sketches; None where one is missing or the matrices have different shapes."""
        later, earlier = self.later.sketch, self.earlier.sketch
        if later is None or earlier is None or len(later) != len(earlier):
            return None
        if self.later.rows != self.earlier.rows or self.later.cols != self.earlier.cols:
            return None

        size = round(len(later) ** 0.5)
        return SketchPair(np.reshape(later, (size, size)), np.reshape(earlier, (size, size)))


@dataclass(frozen=True)
class WeightChanges:
    """What changed from the earlier model b to the later model a.

    Attributes:
        places: For every layer of a, the layer of b that it comes from, or None.
    """

    a: ModelFeatures
    b: ModelFeatures
    places: tuple[int | None, ...]

    @classmethod
    def between(cls, a: ModelFeatures, b: ModelFeatures, alignment: Alignment) -> "WeightChanges":
        """Return the changes where each layer of a comes from the most similar one of b."""
        best = alignment.cosines.argmax(1)
        threshold = min(KIN, alignment.similarity / 2)
        kin = alignment.cosines.max(1) > threshold

        places = []
        for layer, has_source in zip(best, kin, strict=True):
            places.append(int(layer) if has_source else None)
        return cls(a, b, tuple(places))

    @classmethod
    def in_order(cls, a: ModelFeatures, b: ModelFeatures) -> "WeightChanges":
        """Return the changes where each layer of a comes from the layer of b with its number."""
        common = min(len(a.layers), len(b.layers))
        places: list[int | None] = [None] * len(a.layers)
        places[:common] = range(common)
        return cls(a, b, tuple(places))

    @cached_property
    def pairs(self) -> list[MatrixPair]:
        """All matrices of layers that come from one another, where both have one."""
        return list(self._matched())

    def _matched(self) -> Iterator[MatrixPair]:
        for layer, source in enumerate(self.places):
            if source is None or layer >= len(self.a.layers) or source >= len(self.b.layers):
                continue
            earlier = self.b.layers[source]
            for spot, matrix in self.a.layers[layer].items():
                if spot in earlier:
                    yield MatrixPair(Place(layer, spot), matrix, earlier[spot])

    @property
    def removed(self) -> tuple[int, ...]:
        """Layers of the earlier model that none of the later comes from."""
        layers = set(range(len(self.b.layers)))
        return tuple(sorted(layers.difference(self.places)))

    @property
    def repeated(self) -> tuple[int, ...]:
        """Layers of the earlier model that several of the later come from."""
        layers = range(len(self.b.layers))
        return tuple(layer for layer in layers if self.places.count(layer) > 1)

    @property
    def without_source(self) -> tuple[int, ...]:
        """Layers of the later model that come from none of the earlier."""
        layers = []
        for layer, source in enumerate(self.places):
            if source is None:
                layers.append(layer)
        return tuple(layers)

    @property
    def rounding(self) -> float:
        """The largest |later - earlier| / |earlier| where only the values' type was changed."""
        types = {self.a.model.dtype, self.b.model.dtype}
        if len(types) == 1:
            return SLIGHT
        errors = [ROUNDING.get(dtype, 0.0) for dtype in types]
        return max(SLIGHT, *errors)

    @property
    def whole(self) -> bool:
        """Whether every projection is where it was, and the same."""
        return self.equal == 1.0 and self.places == tuple(range(len(self.b.layers)))

    @property
    def equal(self) -> float:
        """Share of matrices that are the same, once cast to bf16."""
        if not self.pairs:
            return 0.0
        same = [pair.same for pair in self.pairs]
        return float(np.mean(same))

    @cached_property
    def cosines(self) -> dict[str, float]:
        """By projection, the cosine between the sketches of all its matrices."""
        sketches: dict[str, list[SketchPair]] = defaultdict(list)
        for pair in self.pairs:
            if pair.sketches:
                sketches[pair.later.projection].append(pair.sketches)

        cosines = {}
        for projection in PROJECTIONS:
            if projection in sketches:
                cosines[projection] = pooled_cosine(sketches[projection])
        return cosines

    @cached_property
    def relative(self) -> float:
        """The median |later - earlier| / |earlier| of matrices that changed; 0 without any."""
        return float(np.median([*self.sizes] or [0.0]))

    @cached_property
    def sizes(self) -> list[float]:
        """|later - earlier| / |earlier| of every matrix that changed, estimated from sketches."""
        sizes = []
        for sketches in self._changed_sketches():
            change = np.linalg.norm(sketches.later - sketches.earlier)
            length = np.linalg.norm(sketches.earlier) or 1.0
            sizes.append(float(change / length))
        return sizes

    @cached_property
    def rank(self) -> int | None:
        """The largest rank of a change of query or value; None above MOST_RANK and without any.

        Only their sketches are large enough to resolve a rank.
        """
        later_rounding = ROUNDING.get(self.a.model.dtype, UNKNOWN_TYPE)
        earlier_rounding = ROUNDING.get(self.b.model.dtype, UNKNOWN_TYPE)
        rounding = max(later_rounding, earlier_rounding)

        ranks = []
        for later, earlier in self._changed_sketches():
            if len(later) > MOST_RANK:
                ranks.append(change_rank(later, earlier, rounding))
        largest = max(ranks, default=MOST_RANK + 1)
        return largest if largest <= MOST_RANK else None

    def _changed_sketches(self) -> Iterator[SketchPair]:
        for pair in self.pairs:
            if pair.sketches and not pair.same:
                yield pair.sketches

    @property
    def zeros(self) -> float:
        """Share of weights that are zero in the later model, less that in the earlier."""
        later = []
        earlier = []
        for pair in self.pairs:
            later.append(pair.later.zero_share)
            earlier.append(pair.earlier.zero_share)
        return mean_of_known(later) - mean_of_known(earlier)

    @property
    def variety(self) -> Variety:
        """How many different values neighbouring weights take: few where they are quantised."""
        later = []
        earlier = []
        for pair in self.pairs:
            later.append(pair.later.distinct_share)
            earlier.append(pair.earlier.distinct_share)
        return Variety(mean_of_known(later), mean_of_known(earlier))


def change_rank(later: np.ndarray, earlier: np.ndarray, rounding: float) -> int:
    """Return the rank of a change, from the singular values of its square sketch.

    The rank is where they fall by GAP or more to what rounding gives; without such a step it is
    full.
    """
    values = np.linalg.svd(later - earlier, compute_uv=False)
    noise = NOISE_TOP * rounding * float(np.linalg.norm(earlier))
    rank = int((values > noise).sum())
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
