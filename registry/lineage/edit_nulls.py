"""What ordinary children of a known parent come to, beside which an edit is named (edits.toml)."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from registry.data import load
from registry.lineage.verdict import LOWER_IS_CLOSER, Evidence, EvidenceKind

BEYOND_START = 0.05  # share of the children
BY_COUNT = frozenset({EvidenceKind.FIRST_DIRECTIONS, EvidenceKind.SHARED_DIRECTIONS})
"""Of these there is a null for each number of directions."""


LOWER = tuple(str(kind) for kind in LOWER_IS_CLOSER)
"""What names of nulls begin with of which lower values speak for an edit."""


class Measured(StrEnum):
    """What a number is measured on."""

    SKETCHES = "sketches"
    WEIGHTS = "weights"


@dataclass(frozen=True)
class EditNull:
    """One number of `children` that were trained, merged or rounded as usual.

    Nothing is extrapolated: beyond what was seen, the p-value is that of one more child.

    Attributes:
        start: The 95th percentile, the 5th where lower values speak for an edit.
        strongest: The most that was seen; the least where lower values do.
        sign: 1 where higher values speak for an edit, -1 where lower ones do.
    """

    children: int
    start: float
    strongest: float
    sign: int = 1

    def p_value(self, value: float) -> float:
        """Return the share of ordinary children that come to so much, counting one more."""
        if self.is_beyond(value):
            return 1 / (self.children + 1)
        return BEYOND_START if self.sign * value > self.sign * self.start else 1.0

    def is_beyond(self, value: float) -> bool:
        """Return whether no child came to so much."""
        return self.sign * value > self.sign * self.strongest


@dataclass(frozen=True)
class EditNumber:
    """One number of a change: what it is, and on what and of how many directions it is.

    Attributes:
        among: Which children it stands beside, where these are not all ordinary ones: files that
            state so many bits.
    """

    kind: EvidenceKind
    value: float
    measured: Measured = Measured.SKETCHES
    directions: int = 1
    count: int | None = None
    total: int | None = None
    among: str = ""

    @property
    def null(self) -> EditNull:
        """What ordinary children come to."""
        which = str(self.directions) if self.kind in BY_COUNT else self.among
        return edit_nulls()[self.measured, f"{self.kind} {which}".strip()]

    @property
    def is_beyond(self) -> bool:
        """Whether no ordinary child came to so much."""
        return self.null.is_beyond(self.value)

    @property
    def evidence(self) -> Evidence:
        """The line that states it beside its null."""
        null = self.null
        return Evidence(
            self.kind,
            value=self.value,
            null=null.start,
            p_value=null.p_value(self.value),
            strongest=null.strongest,
            pairs=null.children,
            count=self.directions if self.kind in BY_COUNT else self.count,
            total=self.total,
        )


@cache
def edit_nulls() -> dict[tuple[Measured, str], EditNull]:
    """Return the null of each number by what it is measured on and its name."""
    nulls = {}
    for measured, by_name in load("registry.lineage", "edits.toml").items():
        for name, numbers in by_name.items():
            sign = -1 if name.startswith(LOWER) else 1
            nulls[Measured(measured), name] = EditNull(**numbers, sign=sign)
    return nulls
