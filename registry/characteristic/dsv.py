"""The laws of a fingerprint's distances, set by set (paper 2509.00046, 2.2): `registry dsv`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from registry.architectures.roles import PROJECTIONS
from registry.characteristic.laws import Law, law_of
from registry.characteristic.pareto import Pareto, scipy_fits
from registry.characteristic.vectors import (
    Distances,
    Vectors,
    all_vectors,
    between,
    projection_of,
    vectors,
    within,
)
from registry.errors import IdenticalLayers, NoSuchProjection, TooFewLayers
from registry.fingerprints.record import Fingerprint

SHORT = {"q": "query", "k": "key", "v": "value", "o": "output"}
PAIR = 2  # names in it


@dataclass(frozen=True)
class DistanceLaw:
    """The law of the distances of one set of vectors, or between two.

    Attributes:
        a: name of the first set: a projection, or `all`.
        b: name of the second; the first's for one set with itself.
        count: how many distances there are.
        law: what they follow; None where they are too few.
        why: what prevented a fit; None where there is a law.
    """

    a: str
    b: str
    count: int
    law: Law | None
    why: str | None = None

    @property
    def name(self) -> str:
        """As the paper writes it: query-gate."""
        return self.a if self.a == self.b else f"{self.a}-{self.b}"


@dataclass(frozen=True)
class DsvResult:
    """The laws of a model's distances.

    Attributes:
        sets: of the pairs that were asked for; or of all vectors as one set, then of every pair.
        first_fits: what scipy.stats.genpareto.fit gives for the first set, from several starts, the
            most likely first.
    """

    sets: tuple[DistanceLaw, ...]
    first_fits: tuple[Pareto, ...]


def laws(fingerprint: Fingerprint, rank: int, pairs: Sequence[tuple[str, str]] = ()) -> DsvResult:
    """Return the laws of given pairs of projections, or of all vectors as one set and every pair.

    Args:
        rank: Singular values of each vector.

    Raises RankNotStored, NoSuchProjection, and where nothing can be fitted to the first set
    TooFewLayers or IdenticalLayers.
    """
    by_projection = vectors(fingerprint, rank)
    if pairs:
        first = distances_of(by_projection, *pairs[0])
        rest = list(pairs[1:])
    else:
        first = within(all_vectors(by_projection))
        rest = list(combinations(by_projection, 2))

    sets = [fitted(first)]
    for one, other in rest:
        try:
            sets.append(fitted(distances_of(by_projection, one, other)))
        except (TooFewLayers, IdenticalLayers) as exc:
            sets.append(DistanceLaw(one, other, exc.data["count"], None, "too few"))
    return DsvResult(tuple(sets), scipy_fits(first.values))


def distances_of(by_projection: Mapping[str, Vectors], one: str, other: str) -> Distances:
    """Return the distances between two projections, or within one.

    Raises NoSuchProjection, TooFewLayers and IdenticalLayers.
    """
    first = projection_of(by_projection, one)
    second = projection_of(by_projection, other)
    return within(first) if one == other else between(first, second)


def fitted(distances: Distances) -> DistanceLaw:
    """Return the law of one set of distances."""
    values = distances.values
    law = law_of(values, distances.resampled)
    return DistanceLaw(distances.a, distances.b, len(values), law)


def pair_of(text: str) -> tuple[str, str]:
    """Return two projections from `q,gate` or `query,gate`. Raises NoSuchProjection."""
    parts = [part.strip() for part in text.split(",")]
    names = [SHORT.get(part, part) for part in parts]
    unknown = [name for name in names if name not in PROJECTIONS]
    if unknown or len(names) != PAIR:
        refused = unknown[0] if unknown else text
        known = f"pairs of {', '.join(PROJECTIONS)}, such as q,gate"
        raise NoSuchProjection(projection=refused, known=known)
    return names[0], names[1]
