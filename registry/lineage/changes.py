"""What was done to one model to get another, in numbers: from matched layers and matrices."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from registry.architectures.roles import PROJECTIONS
from registry.lineage.expert_matching import expert_sources
from registry.lineage.features import ModelFeatures
from registry.lineage.layer_alignment import Alignment
from registry.lineage.layer_sources import in_order, similarities, source_layers, sources
from registry.lineage.layer_table import Layer, spot_of
from registry.lineage.matrix_columns import DENSE, NOWHERE, MatrixColumns
from registry.lineage.matrix_pairs import MatrixPairs, change_ranks, halves_of, mean_of_known

ROUNDING = {
    "bfloat16": 2e-3,
    "float16": 3e-4,
    "float32": 1e-6,
    "float64": 1e-9,
}  # relative change of a matrix that is rounded to the type
UNKNOWN_TYPE = 2e-3  # the same for a type that is not listed
SLIGHT = 2.5e-4  # the same within one type: what fp16 loses of numbers that are small for it
MOST_RANK = 16  # that a sketch of 18 x 18 resolves: there must be room to see that there is no more
MOST_SMALL_RANK = 3  # the same of a sketch of 6 x 6
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
        if not a.layer_count or not b.layer_count:
            return cls.in_order(a, b)
        return cls(a, b, sources(similarities(a, b, alignments)))

    @classmethod
    def in_order(cls, a: ModelFeatures, b: ModelFeatures) -> "WeightChanges":
        """Return the changes where each layer of a comes from the layer of b with its number."""
        return cls(a, b, in_order(a.layer_count, b.layer_count))

    @cached_property
    def pairs(self) -> MatrixPairs:
        """All matrices of layers that come from one another, where both have one."""
        table = self.a.table
        sources = self.sources[table.layers]
        theirs = self.b.table.find(sources, self.source_spots)
        paired = np.flatnonzero(theirs >= 0)
        return MatrixPairs(
            later=self.a.matrices,
            earlier=self.b.matrices,
            layers=table.layers[paired],
            ours=paired,
            theirs=theirs[paired],
        )

    @cached_property
    def sources(self) -> np.ndarray:
        """`places` as an array; NOWHERE of a layer that comes from none."""
        return source_layers(self.places, self.a.layer_count, self.b.layer_count)

    @cached_property
    def experts(self) -> list[dict[int, int]]:
        """The sources of the experts of every layer, by their numbers (expert_sources)."""
        matched: list[dict[int, int]] = [{} for _ in self.sources]
        if not self.a.table.has_experts and not self.b.table.has_experts:
            return matched
        for layer, source in enumerate(self.sources.tolist()):
            if source != NOWHERE:
                ours, theirs = Layer(self.a.table, layer), Layer(self.b.table, source)
                matched[layer] = expert_sources(ours, theirs)
        return matched

    @cached_property
    def source_spots(self) -> np.ndarray:
        """Where the source of every matrix of the later model stands in its layer."""
        table, matrices = self.a.table, self.a.matrices
        if not any(self.experts):
            return table.spots
        experts = matrices.experts.copy()
        for place in np.flatnonzero(matrices.of_projections(*MLP)):
            sources = self.experts[table.layers[place]]
            experts[place] = sources.get(int(experts[place]), experts[place])
        numbers = table.spots - spot_of(matrices.projections, matrices.experts)
        spots: np.ndarray = spot_of(matrices.projections, experts) + numbers
        return spots

    @cached_property
    def unmatched(self) -> Unmatched:
        """The matrices of matched layers that have no counterpart, those of experts aside."""
        layers = np.flatnonzero(self.sources != NOWHERE)
        ours = np.isin(self.a.table.layers, layers)
        theirs = np.isin(self.b.table.layers, self.sources[layers])
        ours[self.pairs.ours] = False
        theirs[self.pairs.theirs] = False
        return Unmatched(count_dense(self.a.matrices, ours), count_dense(self.b.matrices, theirs))

    @property
    def matched_layers(self) -> tuple[int, ...]:
        """Layers of the later model that have a source."""
        return tuple(layer for layer, source in enumerate(self.places) if source is not None)

    @property
    def removed(self) -> tuple[int, ...]:
        """Layers of the earlier model that none of the later comes from."""
        layers = set(range(self.b.layer_count))
        return tuple(sorted(layers.difference(self.places)))

    @cached_property
    def repeated(self) -> tuple[int, ...]:
        """Layers of the earlier model that several of the later come from."""
        layers = range(self.b.layer_count)
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
        return self.equal == 1.0 and self.places == tuple(range(self.b.layer_count))

    @cached_property
    def equal(self) -> float:
        """Share of matrices that are the same, once cast to bf16."""
        return float(self.pairs.same.mean()) if len(self.pairs) else 0.0

    @cached_property
    def cosines(self) -> dict[str, float]:
        """By projection, the cosine between the sketches of all its matrices."""
        cosines = {}
        for projection in PROJECTIONS:
            chosen = self.pairs.of_projections(projection)
            if (chosen & self.pairs.sketched).any():
                cosines[projection] = self.pairs.cosine(chosen)
        return cosines

    @cached_property
    def relative(self) -> float:
        """The median |later - earlier| / |earlier| of matrices that changed; 0 without any."""
        sizes = self.pairs.changed_sizes(self.every_pair)
        return float(np.median(sizes)) if len(sizes) else 0.0

    @property
    def every_pair(self) -> np.ndarray:
        """True for every pair."""
        return np.ones(len(self.pairs), bool)

    @cached_property
    def median_sizes(self) -> dict[str, float]:
        """By projection, the median |later - earlier| / |earlier| of all its matrices."""
        medians = {}
        for projection in PROJECTIONS:
            sizes = self.pairs.sizes[self.pairs.of_projections(projection) & self.pairs.sketched]
            if len(sizes):
                medians[projection] = float(np.median(sizes))
        return medians

    @cached_property
    def rank(self) -> int | None:
        """The rank of most changes of query or value; None above MOST_RANK and without any.

        Where neither changed, that of the others, whose sketches resolve MOST_SMALL_RANK.
        """
        return self.rank_of(self.every_pair)

    def rank_of(self, chosen: np.ndarray) -> int | None:
        """Return the rank that most changes of some pairs have; None where it is not low."""
        later_rounding = ROUNDING.get(self.a.model.dtype, UNKNOWN_TYPE)
        earlier_rounding = ROUNDING.get(self.b.model.dtype, UNKNOWN_TYPE)
        rounding = max(later_rounding, earlier_rounding)

        changed = chosen & ~self.pairs.same
        large = [pairs for pairs in self.pairs.sketches if pairs.side > MOST_RANK]
        most = sum(int(changed[pairs.places].sum()) for pairs in large)
        most_rank = MOST_RANK
        if most == 0:
            large = self.pairs.sketches
            most = sum(int(changed[pairs.places].sum()) for pairs in large)
            most_rank = MOST_SMALL_RANK
        low: Counter[int] = Counter()
        others = 0
        for pairs in halves_of(large, changed):
            ranks = change_ranks(pairs, rounding)
            of_low_rank = self.tell_rank(pairs.places, ranks) & (ranks > 0) & (ranks <= most_rank)
            low.update(ranks[of_low_rank].tolist())
            others += int((self.tell_rank(pairs.places, ranks) & ~of_low_rank).sum())
            if 2 * others >= most:  # the rest cannot outvote them
                return None
        return low.most_common(1)[0][0] if low.total() > others else None

    def tell_rank(self, places: np.ndarray, ranks: np.ndarray) -> np.ndarray:
        """Return which pairs' matrices are wide enough to tell the ranks of their changes."""
        ours = self.pairs.ours[places]
        fullest = np.minimum(self.a.matrices.rows[ours], self.a.matrices.cols[ours])
        told: np.ndarray = (2 * ranks <= fullest) | (ranks > MOST_RANK)
        return told

    @cached_property
    def zeros(self) -> float:
        """Share of weights that are zero in the later model, less that in the earlier.

        Of matrices that kept their shape: padding adds zeros as well.
        """
        return self.zero_growth(self.pairs.same_shape)

    @cached_property
    def variety(self) -> Variety:
        """How many different values neighbouring weights take: few where they are quantised.

        Zeros aside that the later model has more of.
        """
        later = self.a.matrices.distinct_share[self.pairs.ours]
        earlier = self.b.matrices.distinct_share[self.pairs.theirs]
        nonzero = 1 - max(0.0, self.zero_growth(self.every_pair))
        return Variety(mean_of_known(later), mean_of_known(earlier), nonzero)

    def zero_growth(self, chosen: np.ndarray) -> float:
        """Return by how much the share of zeros grew, in the mean of some pairs."""
        later = self.a.matrices.zero_share[self.pairs.ours[chosen]]
        earlier = self.b.matrices.zero_share[self.pairs.theirs[chosen]]
        return mean_of_known(later) - mean_of_known(earlier)


def count_dense(matrices: MatrixColumns, chosen: np.ndarray) -> Counter[str]:
    """Count the chosen matrices that serve every token, by projection."""
    codes = matrices.projections[chosen & (matrices.experts == DENSE)]
    return Counter(PROJECTIONS[code] for code in codes.tolist())
