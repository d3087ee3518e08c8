"""registry.lineage.merge_shares: sketches are linear, so a merge shows its parents' shares."""

import models_made as made
import pytest

from registry.lineage.comparison import ModelComparison
from registry.lineage.judgement import judge
from registry.lineage.merge_shares import ComparedParent, MergeShares, merge_shares, with_merge
from registry.lineage.verdict import ChangeKind, EvidenceKind

ROOT = made.grown()
ONE, OTHER = made.tuned(ROOT, 0.2, 1), made.tuned(ROOT, 0.2, 2)


@pytest.fixture
def comparisons(fingerprinted):
    """A merge of 30 % and 70 % with each of its parents."""
    mixed = fingerprinted("mixed", {name: 0.3 * ONE[name] + 0.7 * OTHER[name] for name in ONE})
    first = ModelComparison.of(mixed, fingerprinted("parent 0", ONE))
    return first, ModelComparison.of(mixed, fingerprinted("parent 1", OTHER))


def test_a_merge_shows_its_shares(fingerprinted, comparisons):
    """Least squares on sketches finds the weights of a merge, and none where there is none."""
    first, second = comparisons
    shares = merge_shares(first, second)
    assert shares.plausible
    assert shares.share == pytest.approx(0.3, abs=0.01)
    tuned = ModelComparison.of(
        fingerprinted("fine-tuned", made.tuned(ROOT)), fingerprinted("root", ROOT)
    )
    apart = merge_shares(tuned, second)
    assert apart is None or not apart.plausible


def test_a_merge_takes_the_place_of_training(comparisons):
    """The verdict names both parents and their shares, and says what is left."""
    first, second = comparisons
    verdict = judge(first, "parent 0", None)
    assert verdict.has_changes(frozenset({ChangeKind.FINE_TUNED, ChangeKind.CONTINUED_TRAINING}))
    merged = with_merge(verdict, first, [ComparedParent("parent 1", second)])
    (change,) = merged.changes
    assert (change.kind, change.parts) == (ChangeKind.MERGED, ("parent 0", "parent 1"))
    assert change.amount == pytest.approx(0.3, abs=0.01)
    line = merged.evidence[0]
    assert (line.kind, line.null) == (EvidenceKind.MIXTURE, 1.0)
    assert line.value < 0.5


def test_without_another_parent_the_verdict_stays(comparisons):
    """No related model, no merge."""
    first, _ = comparisons
    verdict = judge(first, "parent 0", None)
    assert with_merge(verdict, first, []) is verdict


@pytest.mark.parametrize(
    ("share", "residual", "plausible"),
    [(0.3, 0.2, True), (0.3, 0.6, False), (0.02, 0.1, False), (0.99, 0.1, False)],
)
def test_both_parents_must_be_in_it(share, residual, plausible):
    """A share of less than 5 % is none, and half of the distance must be explained."""
    assert MergeShares(share, residual).plausible is plausible
