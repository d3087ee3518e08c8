"""The laws of a fingerprint's distances, set by set: what `registry dsv` tells (paper 2509.00046, 2.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from registry.architectures.roles import PROJECTIONS
from registry.characteristic.laws import Law, Pareto, law_of, scipy_fits
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


@dataclass(frozen=True)
class Measured:
    """The distances of a set, or between two projections, and their law; None where they are too few, and why."""

    a: str
    b: str
    count: int
    law: Law | None
    why: str | None = None

    @property
    def name(self) -> str:
        """As the paper writes it."""
        return self.a if self.a == self.b else f"{self.a}-{self.b}"


def laws(
    fingerprint: Fingerprint, rank: int, pairs: Sequence[tuple[str, str]] = ()
) -> tuple[tuple[Measured, ...], tuple[Pareto, ...]]:
    """The laws of given pairs, or of all vectors as one set and of every pair; and how scipy fits the first.

    Raises RankNotStored, NoSuchProjection, TooFewLayers and IdenticalLayers, these two where nothing can be fitted.
    """
    found = vectors(fingerprint, rank)
    first = within(all_vectors(found)) if not pairs else dsv(found, *pairs[0])
    rest = pairs[1:] if pairs else list(combinations(found, 2))
    measured = [measure(first)]
    for one, other in rest:
        try:
            measured.append(measure(dsv(found, one, other)))
        except (TooFewLayers, IdenticalLayers) as exc:
            measured.append(Measured(one, other, exc.data["count"], None, "too few"))
    return tuple(measured), scipy_fits(first.values)


def dsv(found: dict[str, Vectors], one: str, other: str) -> Distances:
    """The distances between two projections, or within one."""
    a, b = (projection_of(found, name) for name in (one, other))
    return within(a) if one == other else between(a, b)


def measure(distances: Distances) -> Measured:
    """The law of one set of distances."""
    values = distances.values
    return Measured(distances.a, distances.b, len(values), law_of(values, distances.resampled))


def pair_of(text: str) -> tuple[str, str]:
    """Two projections from `q,gate` or `query,gate`. Raises NoSuchProjection."""
    names = [SHORT.get(name.strip(), name.strip()) for name in text.split(",")]
    wrong = next((name for name in names if name not in PROJECTIONS), None)
    if wrong is not None or len(names) != 2:  # noqa: PLR2004  # a pair
        raise NoSuchProjection(
            projection=wrong or text, known=f"pairs of {', '.join(PROJECTIONS)}, such as q,gate"
        )
    return names[0], names[1]
