"""The characteristic of a model: groups of projections whose singular values stay close (paper 2509.00046, 3.1)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from registry.characteristic.laws import POWER_LAW, Law, decided, law_of
from registry.characteristic.vectors import Vectors, between, vectors
from registry.data import load
from registry.fingerprints.record import Fingerprint


@dataclass(frozen=True)
class Comparison:
    """The distances of a referenced projection to another, and whether that became its member."""

    referenced: str
    projection: str
    law: Law

    @property
    def member(self) -> bool:
        """Whether the distances follow a power law."""
        return self.law.law == POWER_LAW


@dataclass(frozen=True)
class Group:
    """A referenced projection (the paper's referenced weight) and its members."""

    referenced: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Characteristic:
    """groups: in the order in which they were found. comparisons: what decided, likewise. rank: of the vectors."""

    rank: int
    groups: tuple[Group, ...]
    comparisons: tuple[Comparison, ...]

    @property
    def usable(self) -> bool:
        """Whether there is more than one group: with one, nothing tells projections apart (section 4.2)."""
        return len(self.groups) > 1


def characteristic(fingerprint: Fingerprint, rank: int = 16) -> Characteristic:
    """Group the projections by the paper's procedure.

    Query is referenced first, and every projection whose distances to it follow a power law becomes its member. Of
    those that are left, the one with the most members among them is referenced next, the first if several have as many.
    Raises RankNotStored, TooFewLayers, IdenticalLayers.
    """
    rest = list(vectors(fingerprint, rank).values())
    groups: list[Group] = []
    comparisons: list[Comparison] = []
    while rest:
        referenced = max(rest if groups else rest[:1], key=lambda own: near(own, rest))
        found = list(compared(referenced, others(referenced, rest)))
        members = tuple(each.projection for each in found if each.member)
        comparisons += found
        groups.append(Group(referenced.projection, members))
        rest = [own for own in others(referenced, rest) if own.projection not in members]
    return Characteristic(rank, tuple(groups), tuple(comparisons))


def others(own: Vectors, rest: list[Vectors]) -> list[Vectors]:
    """All but one."""
    return [other for other in rest if other is not own]


def near(referenced: Vectors, rest: list[Vectors]) -> int:
    """How many members a projection would have."""
    return sum(
        decided(between(referenced, other).values) == POWER_LAW
        for other in others(referenced, rest)
    )


def compared(referenced: Vectors, rest: list[Vectors]) -> Iterator[Comparison]:
    """What the distances of a projection to each of the others follow."""
    for other in rest:
        distances = between(referenced, other)
        yield Comparison(
            referenced.projection, other.projection, law_of(distances.values, distances.resampled)
        )


def published() -> dict[str, Any]:
    """Tables 1 and 3 of the paper: alpha, and groups, by model."""
    return load("registry.characteristic", "paper.toml")


def published_of(name: str) -> dict[str, Any] | None:
    """What the paper gives for a model of this name, whatever stands before or after; None where it has none."""
    plain = simple(name)
    return next(
        (row for row in published()["models"] if any(simple(own) in plain for own in row["names"])),
        None,
    )


def simple(name: str) -> str:
    """Letters and digits alone."""
    return "".join(letter for letter in name.lower() if letter.isalnum())
