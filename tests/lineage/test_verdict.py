"""registry.lineage.verdict: the records, and the headline that a verdict prints."""

import subprocess
import sys

import pytest

from registry.lineage.verdict import (
    TRAINING,
    Change,
    ChangeKind,
    Direction,
    Evidence,
    EvidenceKind,
    Relation,
    Verdict,
)


@pytest.mark.parametrize(
    ("relation", "headline"),
    [
        (Relation.SAME_WEIGHTS, "same weights as base"),
        (Relation.QUANTISED_COPY, "quantised copy of base"),
        (Relation.DERIVED, "derived from base"),
        (Relation.SAME_FAMILY, "same family as base"),
    ],
)
def test_a_verdict_prints_its_headline(relation, headline):
    """The relation and whom it names."""
    assert str(Verdict(relation, model="base")) == headline
    assert str(Verdict.unknown(closest="base")) == "unknown"


@pytest.mark.parametrize(
    ("relation", "related"),
    [
        ("same weights", True),
        ("quantised copy", True),
        ("derived", True),
        ("same family", False),
        ("unknown", False),
    ],
)
def test_three_relations_say_that_weights_were_made_from_others(relation, related):
    """Their values are the strings of the JSON."""
    assert Verdict(Relation(relation)).related is related


def test_lower_distances_are_closer():
    """Of spectra, std vectors and what a merge leaves; of sketches higher is closer."""
    assert Evidence(EvidenceKind.SPECTRA, value=0.2).direction == Direction.LOWER
    assert Evidence(EvidenceKind.STD_VECTOR, value=0.2).direction == Direction.LOWER
    assert Evidence(EvidenceKind.MIXTURE, value=0.2).direction == Direction.LOWER
    assert Evidence(EvidenceKind.STREAM, value=0.2).direction == Direction.HIGHER
    assert Evidence(EvidenceKind.SPECTRA).direction is None
    assert Evidence(EvidenceKind.READ, value=0.2).direction is None


def test_a_verdict_knows_its_kinds_of_changes():
    """What a merge explains better are changes by training."""
    pruned = Verdict(Relation.DERIVED, changes=(Change(ChangeKind.PRUNED, 0.5),))
    tuned = Verdict(Relation.DERIVED, changes=(Change(ChangeKind.FINE_TUNED, 0.1),))
    assert tuned.has_changes(TRAINING)
    assert not pruned.has_changes(TRAINING)


@pytest.mark.parametrize(
    "module",
    ["verdict", "judgement", "pair", "merge_shares", "adapter_comparison", "training_recipe"],
)
def test_lineage_needs_no_torch(module):
    """Comparing records takes numpy and scipy alone."""
    code = f"import registry.lineage.{module}, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
