"""What was done to one model to get another, in numbers: from matched layers and matrices."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from registry.architectures.roles import PROJECTIONS
from registry.lineage.expert_matching import DENSE, expert_sources
from registry.lineage.features import ComparedMatrix, ModelFeatures, Spot
from registry.lineage.layer_alignment import Alignment
from registry.lineage.layer_sources import in_order, similarities, sources
from registry.lineage.matrix_pairs import (
    MatrixPair,
    Place,
    SketchPair,
    change_ranks,
    mean_of_known,
    pooled_cosine,
)

ROUNDING = {
    "bfloat16": 2e-3,
    "float16": 3e-4,
    "float32": 1e-6,
    "float64": 1e-9,
}  # relative change of a matrix that is rounded to the type
UNKNOWN_TYPE = 2e-3  # the same for a type that is not listed
SLIGHT = 2.5e-4  # the same within one type: what fp16 loses of numbers that are small for it
MOST_RANK = 16  # that a sketch of 18 x 18 resolves: there must be room to see that there is no more
MLP = ("gate", "up", "down")


class Variety(NamedTuple):
    """Share of different absolute values among neighbours in a row, of both models.

    Attributes:
        nonzero: Share of the values that did not become zero.
    """

    later: float
    earlier: float
    nonzero: float


class Unmatched(NamedTuple):
    """How many matrices of each projection only the later model has, and only the earlier."""

    added: Counter[str]
    removed: Counter[str]


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
    def between(
        cls, a: ModelFeatures, b: ModelFeatures, alignments: Mapping[str, Alignment]
    ) -> "WeightChanges":
        """Return the changes where each layer of a comes from the one of b that it is like."""
        if not a.layers or not b.layers:
            return cls.in_order(a, b)
        return cls(a, b, sources(similarities(a, b, alignments)))

    @classmethod
    def in_order(cls, a: ModelFeatures, b: ModelFeatures) -> "WeightChanges":
        """Return the changes where each layer of a comes from the layer of b with its number."""
        return cls(a, b, in_order(len(a.layers), len(b.layers)))

    @cached_property
    def pairs(self) -> list[MatrixPair]:
        """All matrices of layers that come from one another, where both have one."""
        return list(self._matched())

    def _matched(self) -> Iterator[MatrixPair]:
        for layer, source in enumerate(self.places):
            if source is None or layer >= len(self.a.layers) or source >= len(self.b.layers):
                continue
            later, earlier = self.a.layers[layer], self.b.layers[source]
            for spot, matrix in later.items():
                partner = earlier.get(source_spot(spot, self.experts[layer]))
                if partner is not None:
                    yield MatrixPair(Place(layer, spot), matrix, partner)

    @cached_property
    def experts(self) -> list[dict[int, int]]:
        """The sources of the experts of every layer, by their numbers (expert_sources)."""
        matched = []
        for layer, source in zip(self.a.layers, self.places, strict=False):
            matched.append({} if source is None else expert_sources(layer, self.b.layers[source]))
        return matched

    @cached_property
    def unmatched(self) -> Unmatched:
        """The matrices of matched layers that have no counterpart, those of experts aside."""
        paired = {id(pair.later) for pair in self.pairs} | {id(pair.earlier) for pair in self.pairs}
        ours = [self.a.layers[layer] for layer in self.matched_layers]
        sources = {source for source in self.places if source is not None}
        theirs = [self.b.layers[source] for source in sources]
        return Unmatched(count_left(ours, paired), count_left(theirs, paired))

    @property
    def matched_layers(self) -> tuple[int, ...]:
        """Layers of the later model that have a source."""
        return tuple(layer for layer, source in enumerate(self.places) if source is not None)

    @property
    def removed(self) -> tuple[int, ...]:
        """Layers of the earlier model that none of the later comes from."""
        layers = set(range(len(self.b.layers)))
        return tuple(sorted(layers.difference(self.places)))

    @cached_property
    def repeated(self) -> tuple[int, ...]:
        """Layers of the earlier model that several of the later come from."""
        layers = range(len(self.b.layers))
        uses = Counter(self.places)
        return tuple(layer for layer in layers if uses[layer] > 1)

    @property
    def without_source(self) -> tuple[int, ...]:
        """Layers of the later model that come from none of the earlier."""
        return tuple(layer for layer, source in enumerate(self.places) if source is None)

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

    @cached_property
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
                sketches[pair.projection].append(pair.sketches)

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
        return changed_sizes(self.pairs)

    @cached_property
    def median_sizes(self) -> dict[str, float]:
        """By projection, the median |later - earlier| / |earlier| of all its matrices."""
        sizes: dict[str, list[float]] = {}
        for pair in self.pairs:
            if pair.size is not None:
                sizes.setdefault(pair.projection, []).append(pair.size)
        return {projection: float(np.median(values)) for projection, values in sizes.items()}

    @cached_property
    def rank(self) -> int | None:
        """The rank of most changes of query or value; None above MOST_RANK and without any.

        Only their sketches are large enough to resolve a rank.
        """
        return self.rank_of(self.pairs)

    def rank_of(self, pairs: Iterable[MatrixPair]) -> int | None:
        """Return the rank that most changes of some matrices have; None where it is not low."""
        later_rounding = ROUNDING.get(self.a.model.dtype, UNKNOWN_TYPE)
        earlier_rounding = ROUNDING.get(self.b.model.dtype, UNKNOWN_TYPE)
        rounding = max(later_rounding, earlier_rounding)

        by_size: dict[int, list[tuple[MatrixPair, SketchPair]]] = defaultdict(list)
        for pair in pairs:
            if pair.sketches is None or pair.same or len(pair.sketches.later) <= MOST_RANK:
                continue
            by_size[len(pair.sketches.later)].append((pair, pair.sketches))

        ranks = []
        for changed in by_size.values():
            resolved = change_ranks([sketches for _, sketches in changed], rounding)
            for (pair, _), rank in zip(changed, resolved, strict=True):
                fullest = min(pair.later.rows, pair.later.cols)
                if 2 * rank <= fullest or rank > MOST_RANK:  # else too narrow a matrix to tell
                    ranks.append(rank)
        low = Counter(rank for rank in ranks if 0 < rank <= MOST_RANK)
        if low.total() * 2 <= len(ranks):
            return None
        return low.most_common(1)[0][0]

    @cached_property
    def zeros(self) -> float:
        """Share of weights that are zero in the later model, less that in the earlier.

        Of matrices that kept their shape: padding adds zeros as well.
        """
        return zero_growth([pair for pair in self.pairs if pair.same_shape])

    @cached_property
    def variety(self) -> Variety:
        """How many different values neighbouring weights take: few where they are quantised.

        Zeros aside that the later model has more of.
        """
        later = [pair.later.distinct_share for pair in self.pairs]
        earlier = [pair.earlier.distinct_share for pair in self.pairs]
        nonzero = 1 - max(0.0, zero_growth(self.pairs))
        return Variety(mean_of_known(later), mean_of_known(earlier), nonzero)


def zero_growth(pairs: Sequence[MatrixPair]) -> float:
    """Return by how much the share of zeros grew, in the mean of some matrices."""
    later = [pair.later.zero_share for pair in pairs]
    earlier = [pair.earlier.zero_share for pair in pairs]
    return mean_of_known(later) - mean_of_known(earlier)


def count_left(layers: Iterable[Mapping[Spot, ComparedMatrix]], paired: set[int]) -> Counter[str]:
    """Count the matrices of no expert, by projection, that are not among the paired ones (ids)."""
    left: Counter[str] = Counter()
    for layer in layers:
        for matrix in layer.values():
            if matrix.expert is None and id(matrix) not in paired:
                left[matrix.projection] += 1
    return left


def source_spot(spot: Spot, experts: Mapping[int, int]) -> Spot:
    """Return where a matrix's source stands in the earlier layer, given those of the experts."""
    projection, expert, number = spot
    if projection not in MLP or (expert == DENSE and DENSE not in experts):
        return spot
    return projection, experts.get(expert, expert), number


def changed_sizes(pairs: Iterable[MatrixPair]) -> list[float]:
    """Return |later - earlier| / |earlier| of the pairs that changed and have sketches."""
    return [pair.size for pair in pairs if not pair.same and pair.size is not None]
