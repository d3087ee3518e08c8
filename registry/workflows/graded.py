"""Verdicts on pairs that stop at the grade of evidence that decides (docs/method.md, Grades)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from registry.fingerprints.grades import Grade
from registry.fingerprints.record import RANKS
from registry.lineage.comparison import ModelComparison
from registry.lineage.judgement import CandidateCounts, judge
from registry.lineage.kinship import ALONE, ComparedCandidate, claimed_among
from registry.lineage.pair import pair_verdict
from registry.lineage.settled import is_settled
from registry.lineage.verdict import Evidence, EvidenceKind, Verdict
from registry.workflows.edited import with_edit
from registry.workflows.subject import Candidate, Subject, VerdictOptions

T = TypeVar("T")


def takes_all(options: VerdictOptions, *models: Subject) -> bool:
    """Return whether all evidence is taken at once.

    It is of small models and of adapters, and where a user asks for what no lower grade has.
    """
    more_values = options.get("rank", RANKS[0]) != RANKS[0]
    asked = options.get("full") or options.get("prove") or more_values
    is_small = not any(model.takes_time for model in models)
    return bool(asked) or is_small or any(model.kind == "adapter" for model in models)


def first_settled(
    options: VerdictOptions, models: Sequence[Subject], judged: Callable[[Grade], T | None]
) -> T:
    """Return the answer by the first grade of evidence that settles it. Raises RegistryError.

    Args:
        judged: What judges by one grade; None where it leaves open what all evidence settles.
    """
    if not takes_all(options, *models):
        for grade in (Grade.ATTENTION, Grade.SKETCHES):
            answer = judged(grade)
            if answer is not None:
                return answer
    answer = judged(Grade.FULL)
    assert answer is not None
    return answer


def pair_graded(one: Subject, other: Candidate, options: VerdictOptions) -> Verdict:
    """Return the verdict on whether `one` comes from `other`. Raises RegistryError."""

    def judged(grade: Grade) -> Verdict | None:
        if grade != Grade.FULL:
            return settled_by(grade, one, other)
        model, base = one.fingerprint(grade), other.subject.fingerprint(grade)
        return pair_verdict(model, base, other.name, other.family)

    verdict = first_settled(options, (one, other.subject), judged)
    return with_edit(verdict, one, other.subject)


def settled_by(
    grade: Grade, one: Subject, other: Candidate, counts: CandidateCounts = ALONE
) -> Verdict | None:
    """Return the verdict on some of the evidence; None where it is not settled by that.

    Args:
        counts: Of the models that the other was chosen from.
    """
    if grade == Grade.ATTENTION and not alike(one, other.subject):
        return None
    candidate = verdict_by(grade, one, other, counts)
    if grade == Grade.ATTENTION and candidate.comparison.changes.equal == 1:
        return same_weights(candidate, one, other, counts)
    if not is_settled(candidate.comparison, candidate.verdict):
        return None
    return with_grade(claimed_among(candidate, []), grade, one)


def same_weights(
    candidate: ComparedCandidate, one: Subject, other: Candidate, counts: CandidateCounts
) -> Verdict | None:
    """Return that every weight is equal, where those of two layers are; None where it is not so."""
    comparison = ModelComparison(
        candidate.comparison.a.with_digests(one.digests()),
        candidate.comparison.b.with_digests(other.subject.digests()),
    )
    verdict = judge(comparison, other.name, other.family, counts)
    if not is_settled(comparison, verdict):
        return None
    same = ComparedCandidate(other.name, comparison, verdict)
    return with_grade(claimed_among(same, []), Grade.DIGESTS, one)


def verdict_by(
    grade: Grade, one: Subject, other: Candidate, counts: CandidateCounts = ALONE
) -> ComparedCandidate:
    """Compare two models by the evidence of one grade."""
    comparison = ModelComparison(one.features(grade), other.subject.features(grade))
    verdict = judge(comparison, other.name, other.family, counts)
    return ComparedCandidate(other.name, comparison, verdict)


def alike(one: Subject, other: Subject) -> bool:
    """Return whether two models have matrices of the same shapes in the same layers."""
    return bool(one.chosen) and one.layers == other.layers and one.shapes == other.shapes


def with_grade(verdict: Verdict, grade: Grade, model: Subject) -> Verdict:
    """Return a verdict that states its grade, and the share of the model that was read."""
    share = model.share_read(grade)
    lines = (Evidence(EvidenceKind.READ, value=share),) if share < 1 else ()
    return replace(verdict, grade=grade, evidence=(*verdict.evidence, *lines))
