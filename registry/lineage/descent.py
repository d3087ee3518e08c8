"""The records of a direction: which of two related models came first, and what shows it."""

from dataclasses import dataclass
from enum import StrEnum


class Descent(StrEnum):
    """Where a model stands to the one that a verdict names."""

    CHILD = "child"
    PARENT = "parent"
    SIBLING = "sibling"
    UNDECIDED = "undecided"


class DirectionReason(StrEnum):
    """What shows which of two models came first."""

    GRID = "grid"  # values that were rounded to a grid
    OTHER_TYPE = "other type"  # rounded once to a coarser or narrower one
    ZEROS = "zeros"  # the smallest weights became zero
    FOLDED_NORMS = "folded norms"
    FEWER_LAYERS = "fewer layers"
    REPEATED_LAYERS = "repeated layers"
    CUT = "cut"  # a part of the neurons, heads or channels
    GROWN = "grown"  # neurons, heads or channels of zeros, or repeated
    FEWER_EXPERTS = "fewer experts"
    REPEATED_EXPERTS = "repeated experts"
    MERGE = "merge"  # a point inside a mixture
    RIGHT_ANGLE = "right angle"  # changes in directions of their own, from a common origin


@dataclass(frozen=True)
class DirectionShown:
    """Which of two related models came first, and what shows it.

    Attributes:
        descent: What the model is to the other.
        reason: None where it is undecided.
        origin: The model that siblings come from.
    """

    descent: Descent
    reason: DirectionReason | None = None
    origin: str | None = None
