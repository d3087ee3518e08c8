"""What was done to one model to get another: told from the sketches of matched matrices."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from registry.architectures.roles import PROJECTIONS
from registry.fingerprints.record import Matrix
from registry.lineage.features import Traits
from registry.lineage.layer_alignment import Alignment

KIN = 0.25  # cosine of two layers from which one comes from the other; strangers' stay under 0.2
FLOOR = {
    "bfloat16": 2e-3,
    "float16": 3e-4,
    "float32": 1e-6,
    "float64": 1e-9,
}  # of a rounded matrix, relative
SLIGHT = 2.5e-4  # of one type: what fp16 loses of numbers that are small for it
TOP = 0.9  # of a sketch's largest singular value, where it is noise of length 1
GAP = 5.0  # by which singular values of a sketch fall where the rank ends; those of a full rank fall by 2 or 3 at most
MOST_RANK = (
    16  # that is told of a sketch of 20 x 20: there must be room to see that there is no more
)


@dataclass(frozen=True)
class Pair:
    """A matrix of the later model and the one of the earlier that it is compared with."""

    later: Matrix
    earlier: Matrix

    @property
    def same(self) -> bool:
        """Whether every value is equal, or is once it is cast to bf16."""
        return rounded(self.later) == rounded(self.earlier)

    @cached_property
    def sketches(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Both sketches, square; None where one is missing or the matrices have different shapes."""
        one, other = self.later.sketch, self.earlier.sketch
        shapes = [(m.rows, m.cols) for m in (self.later, self.earlier)]
        if one is None or other is None or len(one) != len(other) or shapes[0] != shapes[1]:
            return None
        size = round(len(one) ** 0.5)
        return np.reshape(one, (size, size)), np.reshape(other, (size, size))


def rounded(matrix: Matrix) -> str:
    """The digest of the values in bf16."""
    return matrix.cast_digest or matrix.digest


@dataclass(frozen=True)
class Changes:
    """a: the later model, b: the earlier. places: of every layer of a, the layer of b that it comes from, or None."""

    a: Traits
    b: Traits
    places: tuple[int | None, ...]

    @classmethod
    def between(cls, a: Traits, b: Traits, alignment: Alignment) -> "Changes":
        """By the layers that are most alike."""
        best = alignment.cosines.argmax(1)
        kin = alignment.cosines.max(1) > min(KIN, alignment.similarity / 2)
        return cls(a, b, tuple(int(j) if near else None for j, near in zip(best, kin, strict=True)))

    @cached_property
    def pairs(self) -> list[Pair]:
        """All matrices of layers that come from one another, where both have one."""
        return list(self.matched())

    def matched(self) -> Iterator[Pair]:
        """Layer by layer."""
        for i, j in enumerate(self.places):
            if j is not None and i < len(self.a.layers) and j < len(self.b.layers):
                for spot, matrix in self.a.layers[i].items():
                    if spot in self.b.layers[j]:
                        yield Pair(matrix, self.b.layers[j][spot])

    @property
    def removed(self) -> tuple[int, ...]:
        """Layers of the earlier model that none of the later comes from."""
        return tuple(j for j in range(len(self.b.layers)) if j not in self.places)

    @property
    def repeated(self) -> tuple[int, ...]:
        """Layers of the earlier model that several of the later come from."""
        return tuple(j for j in range(len(self.b.layers)) if self.places.count(j) > 1)

    @property
    def rounding(self) -> float:
        """What |later - earlier| / |earlier| stays below where nothing but the type of the values was changed."""
        types = {each.fingerprint.dtype for each in (self.a, self.b)}
        return SLIGHT if len(types) == 1 else max(SLIGHT, *(FLOOR.get(each, 0.0) for each in types))

    @property
    def whole(self) -> bool:
        """Whether every projection is where it was, and the same."""
        return self.equal == 1.0 and self.places == tuple(range(len(self.b.layers)))

    @property
    def equal(self) -> float:
        """Share of matrices that are the same, once cast to bf16."""
        return float(np.mean([pair.same for pair in self.pairs])) if self.pairs else 0.0

    @cached_property
    def cosines(self) -> dict[str, float]:
        """Of every projection, the cosine between the sketches of all its matrices."""
        found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
        for pair in self.pairs:
            if pair.sketches:
                found[pair.later.projection].append(pair.sketches)
        return {p: cosine(found[p]) for p in PROJECTIONS if p in found}

    @cached_property
    def relative(self) -> float:
        """|later - earlier| / |earlier|: the median over matrices that changed; 0 where none did."""
        return float(np.median([*self.sizes] or [0.0]))

    @cached_property
    def sizes(self) -> list[float]:
        """|later - earlier| / |earlier| of every matrix that changed."""
        both = [pair.sketches for pair in self.pairs if pair.sketches and not pair.same]
        return [
            float(np.linalg.norm(one - other) / (np.linalg.norm(other) or 1.0))
            for one, other in both
        ]

    @cached_property
    def rank(self) -> int | None:
        """The largest rank of a change of query or value; None where a sketch is too small to tell, or none changed."""
        floor = max(FLOOR.get(each.fingerprint.dtype, 2e-3) for each in (self.a, self.b))
        shown = [pair.sketches for pair in self.pairs if not pair.same and pair.sketches]
        found = [rank_above(one, other, floor) for one, other in shown if len(one) > MOST_RANK]
        return max(found) if found and max(found) <= MOST_RANK else None

    @property
    def zeros(self) -> float:
        """Share of weights that are zero in the later model and were not in the earlier."""
        return mean_of([pair.later.zero_share for pair in self.pairs]) - mean_of(
            [pair.earlier.zero_share for pair in self.pairs]
        )

    @property
    def texture(self) -> tuple[float, float]:
        """Share of different sizes among neighbours: of the later and of the earlier model."""
        later = mean_of([pair.later.distinct_share for pair in self.pairs])
        return later, mean_of([pair.earlier.distinct_share for pair in self.pairs])


def rank_above(later: np.ndarray, earlier: np.ndarray, floor: float) -> int:
    """The rank of a change: where the singular values of its sketch fall steeply to what rounding gives, else all."""
    values = np.linalg.svd(later - earlier, compute_uv=False)
    noise = TOP * floor * float(np.linalg.norm(earlier))
    rank = int((values > noise).sum())
    steep = 0 < rank < len(values) and values[rank - 1] > GAP * values[rank]
    return rank if steep or rank == 0 else len(values)


def cosine(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """Between all first and all second sketches, each pair of matrices scaled alike."""
    products = sum(np.vdot(one, other) for one, other in pairs)
    lengths = sum((np.vdot(one, one) * np.vdot(other, other)) ** 0.5 for one, other in pairs)
    return float(products / lengths) if lengths else 0.0


def mean_of(values: Sequence[float | None]) -> float:
    """Of those that are known; 0 where none is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else 0.0
