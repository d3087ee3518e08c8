"""The characteristic of a model: groups of projections whose singular values stay close.

Paper 2509.00046, section 3.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from registry.characteristic.laws import POWER_LAW, Law, decided, law_of
from registry.characteristic.vectors import Vectors, between, vectors
from registry.data import load
from registry.fingerprints.record import Fingerprint


@dataclass(frozen=True)
class Comparison:
    """The distances of a referenced projection to another.

    Attributes:
        referenced: name of the first.
        projection: name of the other.
        law: what the distances follow.
    """

    referenced: str
    projection: str
    law: Law

    @property
    def member(self) -> bool:
        """Whether the other became a member of the group: the distances follow a power law."""
        return self.law.law == POWER_LAW


@dataclass(frozen=True)
class Group:
    """A referenced projection (the paper's referenced weight) and its members.

    Attributes:
        referenced: name of the projection.
        members: names of the others, without itself.
    """

    referenced: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Characteristic:
    """The groups of a model.

    Attributes:
        rank: singular values of each vector.
        groups: in the order in which they were found.
        comparisons: what decided, in the same order.
    """

    rank: int
    groups: tuple[Group, ...]
    comparisons: tuple[Comparison, ...]

    @property
    def usable(self) -> bool:
        """Whether there is more than one group: one tells no projections apart (section 4.2)."""
        return len(self.groups) > 1


def characteristic(fingerprint: Fingerprint, rank: int = 16) -> Characteristic:
    """Group the projections of a model by the paper's procedure.

    Query is referenced first, and every projection whose distances to it follow a power law becomes
    its member. Of those that are left, the one with the most members among them is referenced next,
    the first if several have as many. Raises RankNotStored, TooFewLayers, IdenticalLayers.
    """
    left = list(vectors(fingerprint, rank).values())
    groups: list[Group] = []
    comparisons: list[Comparison] = []
    while left:
        referenced = most_referenced(left) if groups else left[0]
        left = without(referenced, left)
        compared = [comparison(referenced, other) for other in left]
        comparisons += compared

        members = tuple(other.projection for other in compared if other.member)
        groups.append(Group(referenced.projection, members))
        left = [other for other in left if other.projection not in members]
    return Characteristic(rank, tuple(groups), tuple(comparisons))


def most_referenced(projections: Sequence[Vectors]) -> Vectors:
    """Return the projection that would have the most members; of several, the first."""
    counts = []
    for candidate in projections:
        others = without(candidate, projections)
        counts.append(member_count(candidate, others))

    first_largest = counts.index(max(counts))
    return projections[first_largest]


def member_count(referenced: Vectors, others: Sequence[Vectors]) -> int:
    """Return how many members a projection would have."""
    count = 0
    for other in others:
        distances = between(referenced, other)
        if decided(distances.values) == POWER_LAW:
            count += 1
    return count


def without(excluded: Vectors, projections: Sequence[Vectors]) -> list[Vectors]:
    """Return all projections but one."""
    return [other for other in projections if other is not excluded]


def comparison(referenced: Vectors, other: Vectors) -> Comparison:
    """Return what the distances of a projection to another follow."""
    distances = between(referenced, other)
    law = law_of(distances.values, distances.resampled)
    return Comparison(referenced.projection, other.projection, law)


def published() -> dict[str, Any]:
    """Return tables 1 and 3 of the paper: alpha, and groups, by model."""
    return load("registry.characteristic", "paper.toml")


def published_of(name: str) -> dict[str, Any] | None:
    """Return what the paper gives for a model of this name; None where it has none.

    Whatever stands before or after the name does not matter.
    """
    letters = letters_and_digits(name)
    for model in published()["models"]:
        for model_name in model["names"]:
            if letters_and_digits(model_name) in letters:
                row: dict[str, Any] = model
                return row
    return None


def letters_and_digits(name: str) -> str:
    """Return a name in small letters, without anything but letters and digits."""
    return "".join(filter(str.isalnum, name.lower()))
