"""registry.lineage.pair: two fingerprints of either kind, and what a verdict means for a claim."""

from dataclasses import replace

import models_made as made
import pytest

from registry.errors import NotComparable
from registry.fingerprints.record import Adapter
from registry.lineage.descent import Descent, DirectionShown
from registry.lineage.pair import Outcome, claim_outcome, pair_verdict
from registry.lineage.verdict import Evidence, EvidenceKind, Relation, Verdict

ROOT = made.grown()
LORA = Adapter("lora", 8, (0.0,) * 7, (), ())


def test_a_model_is_not_compared_with_an_adapter(fingerprinted):
    """An adapter may come from a model, not a model from an adapter."""
    root = fingerprinted("root", ROOT)
    adapter = replace(root, adapter=LORA)
    with pytest.raises(NotComparable, match="the other way round"):
        pair_verdict(root, adapter, "adapter")


def test_two_adapters_are_compared_by_their_digests(fingerprinted):
    """The same deltas, or unknown."""
    adapter = replace(fingerprinted("root", ROOT), adapter=LORA)
    assert pair_verdict(adapter, adapter, "twin").verdict == "same weights"
    other = replace(adapter, digest="0" * 64)
    assert pair_verdict(adapter, other, "other").verdict == "unknown"


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (Verdict(Relation.DERIVED), Outcome.CONSISTENT),
        (
            Verdict.unknown(p_value=0.5, evidence=(Evidence(EvidenceKind.STREAM),)),
            Outcome.CONTRADICTED,
        ),
        (
            Verdict.unknown(p_value=0.005, evidence=(Evidence(EvidenceKind.STREAM),)),
            Outcome.UNDECIDABLE,
        ),
        (
            Verdict.unknown(p_value=0.5, evidence=(Evidence(EvidenceKind.SPECTRA),)),
            Outcome.UNDECIDABLE,
        ),
        (Verdict.unknown(evidence=(Evidence(EvidenceKind.SHAPES, count=0),)), Outcome.CONTRADICTED),
        (Verdict(Relation.SAME_FAMILY, p_value=1.0), Outcome.UNDECIDABLE),
    ],
    ids=["related", "chance level", "open", "spectra alone", "shapes", "family"],
)
def test_what_becomes_of_a_claim(verdict, outcome):
    """Contradicted needs evidence that would have shown it."""
    assert claim_outcome(verdict) == outcome


@pytest.mark.parametrize(
    ("descent", "outcome", "strict"),
    [
        (Descent.CHILD, Outcome.CONSISTENT, Outcome.CONSISTENT),
        (Descent.UNDECIDED, Outcome.CONSISTENT, Outcome.UNDECIDABLE),
        (Descent.PARENT, Outcome.CONTRADICTED, Outcome.CONTRADICTED),
        (Descent.SIBLING, Outcome.CONTRADICTED, Outcome.CONTRADICTED),
    ],
)
def test_a_direction_that_is_shown_decides(descent, outcome, strict):
    """Without one, only a strict check leaves the claim open."""
    verdict = Verdict(Relation.DERIVED, direction=DirectionShown(descent))
    assert claim_outcome(verdict) == outcome
    assert claim_outcome(verdict, strict=True) == strict


def test_outcomes_are_the_words_of_the_json():
    """They are documented in docs/json.md."""
    assert [str(outcome) for outcome in Outcome] == ["consistent", "contradicted", "undecidable"]
