"""registry.lineage.kin: several relatives of one model seen together."""

import models_made as made
import pytest

from registry.lineage.comparison import ModelComparison
from registry.lineage.descent import Descent, DirectionReason
from registry.lineage.fits import Candidate
from registry.lineage.kin import kin_of
from registry.lineage.ordered_pair import PairInOrder

ROOT = made.grown()
BY = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
TUNED = {name: made.tuned(ROOT, by, seed) for seed, (name, by) in enumerate(BY.items(), 20)}


@pytest.fixture
def kin(fingerprinted):
    """Give what the relatives of a model show together, by their names."""

    def of(name, tensors, others):
        pairs = []
        candidates = []
        for other, its_tensors in others.items():
            comparison = ModelComparison.of(
                fingerprinted(f"of kin {name}", tensors),
                fingerprinted(f"of kin {other}", its_tensors),
            )
            places = comparison.changes.places
            pairs.append(PairInOrder(comparison.a, comparison.b, places))
            candidates.append(Candidate(other, comparison.b, places))
        return kin_of(pairs, candidates)

    return of


def test_relatives_that_come_from_the_model_rank_behind_others(kin):
    """The rounded model is nearer than the origin, and cannot be it."""
    others = {"int4": made.quantised(TUNED["b"], 4), "root": ROOT}
    seen = kin("b", TUNED["b"], others)
    assert [shown.descent for shown in seen.directions] == [Descent.PARENT, Descent.UNDECIDED]
    assert seen.ranking.order[0] == 1
    assert seen.merge is None


def test_a_relative_made_from_a_merge_of_the_model_comes_from_it_too(kin):
    """The way to it leads through the merge."""
    mixed = {key: 0.5 * TUNED["b"][key] + 0.5 * TUNED["c"][key] for key in ROOT}
    further = made.tuned(mixed, 0.05, 60)
    rest = {name: TUNED[name] for name in ("a", "c", "d")}
    seen = kin("b", TUNED["b"], {"root": ROOT, "mixed": mixed, "further": further, **rest})
    assert [shown.descent for shown in seen.directions[:3]] == [
        Descent.CHILD,
        Descent.PARENT,
        Descent.PARENT,
    ]
    assert seen.directions[1].reason == DirectionReason.MERGE


def test_a_relative_with_changes_that_the_model_lacks_is_passed_over(kin):
    """A sum of parts of two changes is near the model, which has but one of them."""
    parts = {
        key: ROOT[key] + 0.9 * (TUNED["d"][key] - ROOT[key]) + 0.5 * (TUNED["b"][key] - ROOT[key])
        for key in ROOT
    }
    rest = {name: TUNED[name] for name in ("a", "b", "c")}
    seen = kin("d", TUNED["d"], {"parts": parts, "root": ROOT, **rest})
    assert seen.every[0].square < seen.every[1].square
    assert seen.ranking.order[0] == 1
