"""The records of the tree: what one verdict says of a model's place, and what all give."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from registry.lineage.descent import Descent, DirectionReason

CERTAIN = (Descent.CHILD, Descent.PARENT)
"""What the weights show where they show who came first."""


class Basis(StrEnum):
    """What an edge's direction rests on."""

    SHOWN = "shown"
    """The weights show which of the two came first."""
    CLAIMED = "claimed"
    """The child's card or config says that it was made from the other."""
    PRESUMED = "presumed"
    """Nothing tells: the parent is the one with most relatives, or whose weights spread less."""


@dataclass(frozen=True)
class Sign:
    """Where a model stands to a relative, and what shows it."""

    descent: Descent
    reason: DirectionReason | None = None


@dataclass(frozen=True)
class Standing:
    """What the verdict on one model says of its place.

    Attributes:
        model: Its number.
        name: Its name, by which alone nothing but ties are broken.
        parents: The relatives that its verdict names: the nearest, then a merge's others.
        signs: Of relatives of which the weights show who came first.
        explained: What the nearest relative explains of the weights.
        claimed: Registered models that it is said to be made from.
        spread: Mean logarithm of the standard deviations of its projections.
    """

    model: int
    name: str
    parents: tuple[int, ...] = ()
    signs: Mapping[int, Sign] = field(default_factory=dict)
    explained: float = 0.0
    claimed: frozenset[int] = frozenset()
    spread: float = 0.0


@dataclass(frozen=True)
class Link:
    """One model that another was made from.

    Attributes:
        main: Whether the tree follows it; the other parents of a merge are not followed.
        basis: What its direction rests on.
        reason: The sign in the weights, where they show it.
    """

    child: int
    parent: int
    main: bool
    basis: Basis
    reason: DirectionReason | None = None
