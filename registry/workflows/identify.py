"""The journey of an unknown checkpoint to a verdict."""

from dataclasses import dataclass
from operator import attrgetter
from typing import Unpack

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from registry.database import nearest, search_indexes
from registry.database.nearest import Match
from registry.database.transactions import answer_of
from registry.fingerprints.from_source import Options
from registry.fingerprints.record import Fingerprint
from registry.fingerprints.timing import Timing
from registry.lineage.verdict import Verdict
from registry.notices import SearchUnindexed, notify
from registry.workflows.judge import verdict_on
from registry.workflows.resolve import Named, fingerprint_in_question, resolve


@dataclass(frozen=True)
class Identification:
    """The verdict on one source, and the nearest models by the papers' vectors, nearest first."""

    source: str
    fingerprint: Fingerprint
    verdict: Verdict
    matches: tuple[Match, ...]

    @property
    def families(self) -> tuple[Match, ...]:
        """The nearest model of each family, nearest first, by the log-ratio distance."""
        best: dict[str, Match] = {}
        for match in sorted(self.matches, key=attrgetter("spread_distance")):
            best.setdefault(match.family, match)
        return tuple(best.values())


def identify(
    engine: Engine, source: Named, *, k: int = 10, **options: Unpack[Options]
) -> Identification:
    """Fingerprint a source and compare it with what is registered.

    Nothing is stored. The rank is 16 unless asked otherwise, for that is what is compared.
    Raises RegistryError.
    """
    model = resolve(None, source)
    fingerprint = fingerprint_in_question(model, options)
    timing = options.get("timing") or Timing()

    def judged(session: Session) -> tuple[Verdict, list[Match], int]:
        matches = nearest.nearest(session, fingerprint, k)
        verdict = verdict_on(session, fingerprint, matches)
        return verdict, matches, search_indexes.unindexed(session, fingerprint.kind)

    with timing.stage("database"):
        verdict, matches, unindexed = answer_of(engine, judged)
    if unindexed:
        notify(SearchUnindexed(models=unindexed))
    return Identification(model.given, fingerprint, verdict, tuple(matches))
