"""The verdict on one pair of fingerprints, and whether it bears out a claim."""

from enum import StrEnum

from registry.errors import NotComparable
from registry.fingerprints.record import Fingerprint
from registry.lineage.adapter_base import (
    CandidateBase,
    RegisteredAdapter,
    fits_shapes,
    judge_adapter,
    rank_bases,
)
from registry.lineage.comparison import ModelComparison
from registry.lineage.judgement import judge
from registry.lineage.verdict import EvidenceKind, Relation, Verdict

OPEN = 0.01  # p-value up to which a claim is not contradicted, though not shown either
SKETCHES = frozenset({EvidenceKind.STREAM, EvidenceKind.TOKEN})


class Outcome(StrEnum):
    """What becomes of the claim that one comes from the other."""

    CONSISTENT = "consistent"
    CONTRADICTED = "contradicted"
    UNDECIDABLE = "undecidable"


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
        return judge(ModelComparison.of(one, other), name, family)

    bases = []
    if fits_shapes(one, other):
        bases.append(CandidateBase(name, family or name, other.spaces))
    return judge_adapter(one, None, rank_bases(one, bases))


def claim_outcome(verdict: Verdict) -> Outcome:
    """Return what a verdict means for the claim that the one comes from the other.

    Contradicted needs evidence that would have shown it: sketches of branches whose p-value is
    above OPEN, or an adapter's shapes that do not fit.
    """
    if verdict.related:
        return Outcome.CONSISTENT

    kinds = {line.kind for line in verdict.evidence}
    at_chance_level = bool(kinds & SKETCHES) and (verdict.p_value or 1.0) > OPEN
    does_not_fit = verdict.verdict == Relation.UNKNOWN and kinds == {EvidenceKind.SHAPES}
    if at_chance_level or does_not_fit:
        return Outcome.CONTRADICTED
    return Outcome.UNDECIDABLE
