"""The verdict on one pair of fingerprints, and whether it bears out a claim."""

from registry.errors import NotComparable
from registry.fingerprints.record import Fingerprint
from registry.lineage.adapter_base import (
    CandidateBase,
    RegisteredAdapter,
    fits_shapes,
    judge_adapter,
    rank_bases,
)
from registry.lineage.claim_check import Outcome
from registry.lineage.comparison import ModelComparison
from registry.lineage.descent import Descent
from registry.lineage.judgement import judge
from registry.lineage.kinship import ComparedCandidate, claimed_among
from registry.lineage.verdict import EvidenceKind, Relation, Verdict

OPEN = 0.01  # p-value up to which a claim is not contradicted, though not shown either
SKETCHES = frozenset({EvidenceKind.STREAM, EvidenceKind.TOKEN})


def pair_verdict(
    one: Fingerprint, other: Fingerprint, name: str, family: str | None = None
) -> Verdict:
    """Return the verdict on whether `one` comes from `other`, which is called `name`.

    Raises NotComparable where `one` is a model and `other` an adapter.
    """
    if other.kind == "adapter":
        if one.kind == "model":
            raise NotComparable(base=name)
        same = one.digest == other.digest
        registered = RegisteredAdapter(name, family or name) if same else None
        return judge_adapter(one, registered, [])

    if one.kind == "model":
        return model_verdict(ModelComparison.of(one, other), name, family)

    bases = []
    if fits_shapes(one, other):
        bases.append(CandidateBase(name, family or name, other.spaces))
    return judge_adapter(one, None, rank_bases(one, bases))


def model_verdict(comparison: ModelComparison, name: str, family: str | None) -> Verdict:
    """Return the verdict on two models, with what one explains of the other where related."""
    verdict = judge(comparison, name, family)
    return claimed_among(ComparedCandidate(name, comparison, verdict), [])


def claim_outcome(verdict: Verdict, *, strict: bool = False) -> Outcome:
    """Return what a verdict means for the claim that the one comes from the other.

    Contradicted needs evidence that would have shown it: sketches of branches whose p-value is
    above OPEN, an adapter's shapes that do not fit, or a direction that is another's.

    Args:
        strict: Whether consistent, too, needs a direction that is shown, or equal weights.
    """
    if verdict.related:
        descent = verdict.direction.descent if verdict.direction else Descent.UNDECIDED
        if descent in (Descent.PARENT, Descent.SIBLING):
            return Outcome.CONTRADICTED
        is_shown = descent == Descent.CHILD or verdict.verdict == Relation.SAME_WEIGHTS
        return Outcome.CONSISTENT if is_shown or not strict else Outcome.UNDECIDABLE

    kinds = {line.kind for line in verdict.evidence}
    at_chance_level = bool(kinds & SKETCHES) and (verdict.p_value or 1.0) > OPEN
    does_not_fit = verdict.verdict == Relation.UNKNOWN and kinds == {EvidenceKind.SHAPES}
    if at_chance_level or does_not_fit:
        return Outcome.CONTRADICTED
    return Outcome.UNDECIDABLE
