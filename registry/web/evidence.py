"""Lines of evidence as rows of a table with bars."""

from collections.abc import Iterable
from dataclasses import dataclass

from registry.lineage.verdict import Direction, Evidence
from registry.report.verdicts import evidence_row

TINIEST = 1e-300  # a scale that can be divided by
MARGIN = 1.05  # of a bar's scale beyond what it shows


@dataclass(frozen=True)
class Bar:
    """A bar that is longer the closer the models are, and the mark of the null; in per cent."""

    width: float
    mark: float


@dataclass(frozen=True)
class EvidenceRow:
    """A line of evidence as it is shown."""

    sentence: str
    score: str
    null: str
    p_value: str
    bar: Bar | None


def evidence_rows(lines: Iterable[Evidence]) -> list[EvidenceRow]:
    """Return lines of evidence as they are shown."""
    return [EvidenceRow(*evidence_row(line), bar_of(line)) for line in lines]


def bar_of(line: Evidence) -> Bar | None:
    """Return the bar of a line; None where it lacks a number."""
    if line.value is None or line.null is None:
        return None
    full = max(line.value, line.null, TINIEST) * MARGIN
    width = 100 * max(0.0, line.value) / full
    mark = 100 * max(0.0, line.null) / full
    if line.direction == Direction.LOWER:
        width, mark = 100 - width, 100 - mark
    return Bar(round(width, 1), round(mark, 1))
