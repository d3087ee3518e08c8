"""Lines of evidence as rows of a table with bars."""

from collections.abc import Iterable
from dataclasses import dataclass

from registry.lineage.verdict import Evidence
from registry.report.bars import Bar, bar_of
from registry.report.verdicts import evidence_row


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
