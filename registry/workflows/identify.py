"""The journey of an unknown checkpoint to a verdict."""

from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple, Unpack

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from registry.database.connecting.transactions import answer_of
from registry.database.searching import near_sketches, nearest, search_indexes
from registry.database.searching.nearest import Match
from registry.database.stored import fingerprints
from registry.fingerprints.grades import Grade
from registry.fingerprints.record import VERSION, Fingerprint
from registry.fingerprints.timing import Timing
from registry.lineage.verdict import Verdict
from registry.notices import SearchUnindexed, notify
from registry.workflows.graded import first_settled, settled_by, with_grade
from registry.workflows.judge import Judge, verdict_on_adapter
from registry.workflows.resolve import Named, resolve
from registry.workflows.subject import Candidate, Subject, VerdictOptions


@dataclass(frozen=True)
class Identification:
    """The verdict on one source, and the nearest models by the papers' vectors, nearest first.

    Below the grade `full` the fingerprint is an excerpt, of which some records are missing.
    """

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


class Judged(NamedTuple):
    """What the registry says of a fingerprint.

    Attributes:
        settled: Whether more evidence would give the same verdict.
        unindexed: Models that the search did not look at.
    """

    verdict: Verdict
    matches: tuple[Match, ...]
    settled: bool
    unindexed: int


def identify(
    engine: Engine, source: Named, *, k: int = 10, **options: Unpack[VerdictOptions]
) -> Identification:
    """Fingerprint a source and compare it with what is registered.

    Nothing is stored. The rank is 16 unless asked otherwise, for that is what is compared. Of a
    large model no more is read and computed than the verdict needs, unless `full` asks for all.
    Raises RegistryError.
    """
    model = resolve(None, source)
    subject = Subject.of(model, options)
    timing = options.get("timing") or Timing()

    def settled(grade: Grade) -> Identification | None:
        if grade == Grade.ATTENTION:
            return identified_by_attention(engine, subject, model.given)
        fingerprint = subject.fingerprint(grade)
        with timing.stage("database"):
            judged = judged_by(engine, fingerprint, k, grade)
        if not judged.settled:
            return None
        if judged.unindexed:
            notify(SearchUnindexed(models=judged.unindexed))
        verdict = with_grade(judged.verdict, grade, subject)
        return Identification(model.given, fingerprint, verdict, judged.matches)

    return first_settled(options, (subject,), settled)


def identified_by_attention(engine: Engine, subject: Subject, given: str) -> Identification | None:
    """Return what the attention of two layers tells.

    None where it is not looked at: unless a single registered model begins like this one.
    """
    start = subject.start
    if start is None or not subject.chosen:
        return None

    def only_candidate(session: Session) -> Candidate | None:
        names = near_sketches.alike_from_start(session, start)
        if len(names) != 1:
            return None
        [named] = names
        stored = fingerprints.load(session, named.model).fingerprint
        return Candidate(named.model, Subject(None, stored, {}), named.family)

    candidate = answer_of(engine, only_candidate)
    if candidate is None:
        return None
    counts = answer_of(engine, lambda session: nearest.counts(session, "model", VERSION))
    verdict = settled_by(Grade.ATTENTION, subject, candidate, counts)
    if verdict is None:
        return None
    return Identification(given, subject.fingerprint(Grade.ATTENTION), verdict, ())


def judged_by(engine: Engine, fingerprint: Fingerprint, k: int, grade: Grade) -> Judged:
    """Judge a fingerprint, or an excerpt of some grade, among the registered models."""

    def judged(session: Session) -> Judged:
        kind = fingerprint.kind
        matches = tuple(nearest.nearest(session, fingerprint, k))
        if kind == "adapter":
            unindexed = search_indexes.unindexed(session, kind, nearest.count(session, kind))
            verdict = verdict_on_adapter(session, fingerprint)
            return Judged(verdict, matches, settled=True, unindexed=unindexed)
        judge = Judge.of(session, fingerprint, grade)
        unindexed = search_indexes.unindexed(session, kind, judge.candidates.models)
        verdict = judge.verdict(matches)
        return Judged(verdict, matches, judge.has_settled(verdict), unindexed)

    return answer_of(engine, judged)
