"""The verdict on one pair of fingerprints, and whether it bears out a claim."""

from registry.errors import NotComparable
from registry.fingerprints.record import Fingerprint
from registry.lineage.adapter_base import Base, fits_shapes, fitting, judge_adapter
from registry.lineage.comparison import Comparison
from registry.lineage.verdict import UNKNOWN, Verdict, judge

CONSISTENT, CONTRADICTED, UNDECIDABLE = "consistent", "contradicted", "undecidable"


OPEN = 0.01  # p-value below which a claim is not contradicted, though not shown either


def pair_verdict(
    one: Fingerprint, other: Fingerprint, name: str, family: str | None = None
) -> Verdict:
    """The verdict on two fingerprints. Raises NotComparable where `one` is a model and `other` an adapter."""
    if one.kind == "model" and other.kind == "adapter":
        raise NotComparable(base=name)
    if one.kind == other.kind == "model":
        return judge(Comparison.of(one, other), name, family)
    if other.kind == "adapter":
        return judge_adapter(
            one, (name, family or name) if one.digest == other.digest else None, []
        )
    base = Base(name, family or name, other.spaces)
    return judge_adapter(one, None, fitting(one, [base] if fits_shapes(one, other) else []))


def consistency(verdict: Verdict) -> str:
    """What a verdict means for the claim that the one comes from the other.

    Contradicted needs evidence that would have shown it: sketches of branches, or shapes of an adapter.
    """
    if verdict.related:
        return CONSISTENT
    names = {line.name for line in verdict.evidence}
    decided = names & {"stream", "token"} and (verdict.p_value or 1.0) > OPEN
    unfit = verdict.verdict == UNKNOWN and names == {"shapes"}
    return CONTRADICTED if decided or unfit else UNDECIDABLE
