"""A verdict as pages show it: headline, lines, and evidence as rows of a table with bars."""

from collections.abc import Iterable
from dataclasses import dataclass

from registry.lineage.verdict import Evidence, Verdict
from registry.report.bars import Bar, bar_of
from registry.report.verdicts import evidence_row
from registry.report.wording import headline, verdict_lines


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


class ShowsVerdict:
    """A page with a verdict, which says what the command line says."""

    @property
    def shown(self) -> Verdict | None:
        """The verdict; None where there is none to show."""
        raise NotImplementedError

    @property
    def headline(self) -> str:
        """The verdict in a line."""
        return headline(self.shown) if self.shown else ""

    @property
    def lines(self) -> list[str]:
        """What stands below the headline."""
        return verdict_lines(self.shown) if self.shown else []

    @property
    def evidence(self) -> list[EvidenceRow]:
        """The lines of evidence, those of what was done to the base among them."""
        return evidence_rows(self.shown.every_line) if self.shown else []
