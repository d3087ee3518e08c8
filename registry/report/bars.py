"""Bars of evidence: how far beyond unrelated pairs a number lies, on one scale for all lines."""

import math
from dataclasses import dataclass

from registry.lineage.verdict import Direction, Evidence

FULL = (
    64.0  # times closer than the null, where a bar is full; as many times less, where it is empty
)
NULL = 50.0  # per cent, where the null stands
TINIEST = 1e-300  # a number that can be divided by


@dataclass(frozen=True)
class Bar:
    """A bar that is longer the closer two models are, and the mark of the null: in per cent."""

    width: float
    mark: float


def bar_of(line: Evidence) -> Bar | None:
    """Return the bar of a line; None where it lacks a number.

    The null is in the middle; each doubling of closeness, value / null or null / value where lower
    is closer, is as wide as any other. So that lines of unlike numbers can be told apart.
    """
    if line.value is None or line.null is None:
        return None
    value, null = max(0.0, line.value), max(0.0, line.null)
    if line.direction == Direction.LOWER:
        value, null = null, value
    if value <= 0:
        return Bar(0.0, NULL)
    doublings = math.log(max(value, TINIEST) / max(null, TINIEST)) / math.log(FULL)
    width = NULL * (1 + min(1.0, max(-1.0, doublings)))
    return Bar(round(width, 1), NULL)
