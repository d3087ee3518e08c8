"""The journey of a claim, that one model comes from another, to a verdict."""

from typing import Unpack

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from registry.database.connecting.transactions import answer_of
from registry.database.searching import near_sketches
from registry.fingerprints.grades import Grade
from registry.lineage.verdict import Verdict
from registry.workflows.compare import parent_subject
from registry.workflows.edited import with_edit
from registry.workflows.graded import first_settled, pair_graded, settled_by, with_grade
from registry.workflows.judge import Judge
from registry.workflows.resolve import Named, resolve
from registry.workflows.subject import Candidate, Subject, VerdictOptions


def verify(
    engine: Engine, source: Named, claimed: Named, **options: Unpack[VerdictOptions]
) -> Verdict:
    """Return the verdict on whether a model comes from a claimed base. Raises RegistryError.

    As `compare`, but for the direction: other registered models may show that both come from one
    of them.
    """
    child = resolve(None, source)
    parent = resolve(None, claimed)
    one = Subject.of(child, options)
    other = Candidate(parent.given, parent_subject(parent, options))
    if one.kind == "adapter" or other.subject.kind == "adapter":
        return pair_graded(one, other, options)

    def judged(grade: Grade) -> Verdict | None:
        if grade != Grade.ATTENTION:
            return judged_claim(engine, one, other, grade)
        return settled_by(grade, one, other) if stands_alone(engine, one, parent.name) else None

    verdict = first_settled(options, (one, other.subject), judged)
    return with_edit(verdict, one, other.subject)


def stands_alone(engine: Engine, model: Subject, base: str) -> bool:
    """Return whether no registered model but the claimed base begins like a model."""
    start = model.start
    if start is None:
        return False
    names = answer_of(engine, lambda session: near_sketches.alike_from_start(session, start))
    return all(named.model == base for named in names)


def judged_claim(engine: Engine, one: Subject, other: Candidate, grade: Grade) -> Verdict | None:
    """Return the verdict on a claim among the registered models; None if it is not settled."""
    fingerprint = one.fingerprint(grade)
    base = other.subject.features(grade)

    def judged(session: Session) -> Verdict | None:
        judge = Judge.of(session, fingerprint, one.measured(grade))
        verdict = judge.verdict_on_claim(other.name, base)
        is_settled = grade == Grade.FULL or judge.has_settled(verdict)
        return with_grade(verdict, grade, one) if is_settled else None

    return answer_of(engine, judged)
