"""registry.lineage.kinship: the verdict on a model among several that it was compared with."""

import models_made as made
import pytest

from registry.lineage.descent import Descent, DirectionReason
from registry.lineage.features import ModelFeatures
from registry.lineage.kinship import ComparedCandidate, claimed_among, verdict_among
from registry.lineage.verdict import ChangeKind, EvidenceKind, Relation

ROOT = made.grown()
BY = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
TUNED = {name: made.tuned(ROOT, by, seed) for seed, (name, by) in enumerate(BY.items(), 20)}
FAMILY = {"root": ROOT, **TUNED}


@pytest.fixture
def compared(fingerprinted):
    """Give a model compared with others, each of a name and tensors."""

    def of(name, tensors, others):
        model = ModelFeatures.of(fingerprinted(f"kin {name}", tensors))
        candidates = []
        for other, its_tensors in others.items():
            features = ModelFeatures.of(fingerprinted(f"kin {other}", its_tensors))
            candidates.append(ComparedCandidate.of(model, other, features))
        return candidates

    return of


def test_the_origin_is_named_before_siblings(compared):
    """All relatives are listed, the nearest first, each with its own numbers."""
    verdict = verdict_among(compared("e", made.tuned(ROOT, 0.2, 30), FAMILY))
    assert (verdict.verdict, verdict.model) == (Relation.DERIVED, "root")
    assert [relative.model for relative in verdict.relatives] == ["root", "a", "b", "c", "d"]
    explained = [relative.explained for relative in verdict.relatives]
    assert explained[0] == pytest.approx(max(explained), abs=0.01)
    assert verdict.relatives[0].score == verdict.score
    assert not any(relative.tied for relative in verdict.relatives)


def test_right_angles_show_a_child_and_its_siblings(compared):
    """The named model came first; a near sibling came from it, too."""
    verdict = verdict_among(compared("e", made.tuned(ROOT, 0.2, 30), FAMILY))
    shown = verdict.direction
    assert (shown.descent, shown.reason) == (Descent.CHILD, DirectionReason.RIGHT_ANGLE)
    sibling = verdict.relatives[1].direction
    assert (sibling.descent, sibling.origin) == (Descent.SIBLING, "root")
    assert verdict.relatives[-1].direction.descent == Descent.UNDECIDED


def test_a_claimed_sibling_is_told_by_others(compared):
    """Alone it is related, and nothing is said of the direction."""
    tensors = made.tuned(ROOT, 0.2, 30)
    claimed, *others = compared("e", tensors, {"a": TUNED["a"], **FAMILY})[:1] + compared(
        "e", tensors, {name: FAMILY[name] for name in ("root", "b", "c", "d")}
    )
    alone = claimed_among(claimed, [])
    assert alone.direction.descent == Descent.UNDECIDED
    among = claimed_among(claimed, others)
    assert (among.model, among.direction.descent) == ("a", Descent.SIBLING)
    assert among.score == alone.score


def test_copies_are_tied(compared):
    """A model fits its base and a copy of it equally; the first registered is named."""
    candidates = compared("a", TUNED["a"], {"root": ROOT, "again": ROOT, "b": TUNED["b"]})
    verdict = verdict_among(candidates)
    assert verdict.model == "root"
    assert [relative.tied for relative in verdict.relatives] == [True, True, False]


def test_a_child_that_was_registered_alone_is_not_named_as_an_origin(compared):
    """Its values were rounded: it came later."""
    verdict = verdict_among(compared("root", ROOT, {"int4": made.quantised(ROOT, 4)}))
    assert (verdict.model, verdict.direction.descent) == ("int4", Descent.PARENT)


def test_an_origin_goes_before_a_nearer_child(compared):
    """Where the weights show both directions."""
    pruned = made.pruned(ROOT, 0.5)
    others = {"rounded": made.quantised(pruned, 4), "root": ROOT}
    verdict = verdict_among(compared("pruned", pruned, others))
    assert (verdict.model, verdict.direction.descent) == ("root", Descent.CHILD)
    assert verdict.relatives[1].direction.descent == Descent.PARENT


def test_a_merge_names_all_parents(compared):
    """They are tied, in place of training, and their sum is later than each of them."""
    mixed = {key: 0.6 * TUNED["b"][key] + 0.4 * TUNED["c"][key] for key in ROOT}
    verdict = verdict_among(compared("mixed", mixed, FAMILY))
    merge = verdict.changes[0]
    assert (merge.kind, merge.parts) == (ChangeKind.MERGED, ("b", "c"))
    assert merge.shares == pytest.approx((0.6, 0.4), abs=0.01)
    assert verdict.evidence[0].kind == EvidenceKind.MIXTURE
    assert verdict.direction.reason == DirectionReason.MERGE
    assert [relative.model for relative in verdict.relatives if relative.tied] == ["b", "c"]


def test_a_merge_that_the_model_is_a_part_of_is_no_parent(compared):
    """It is nearer than the origin, and comes from the model."""
    mixed = {key: 0.5 * TUNED["b"][key] + 0.5 * TUNED["c"][key] for key in ROOT}
    verdict = verdict_among(compared("b", TUNED["b"], {"mixed": mixed, **without("b")}))
    assert (verdict.model, verdict.direction.descent) == ("root", Descent.CHILD)
    shown = direction_to(verdict, "mixed")
    assert (shown.descent, shown.reason) == (Descent.PARENT, DirectionReason.MERGE)


def test_what_was_tuned_from_the_model_is_no_parent(compared):
    """The origin is farther, and the way from it leads through the model."""
    child = made.tuned(TUNED["b"], 0.1, 40)
    verdict = verdict_among(compared("b", TUNED["b"], {"child": child, **without("b")}))
    assert (verdict.model, verdict.direction.descent) == ("root", Descent.CHILD)
    shown = direction_to(verdict, "child")
    assert (shown.descent, shown.reason) == (Descent.PARENT, DirectionReason.RIGHT_ANGLE)


def test_what_recovered_from_a_cut_is_no_parent_of_the_cut(compared):
    """Of two with the neurons of one cut that nearer to the whole was made first."""
    cut = made.neurons_cut(ROOT, 72)
    recovered = made.tuned(cut, 0.1, 50)
    first = verdict_among(compared("cut", cut, {"root": ROOT, "recovered": recovered}))
    assert (first.model, first.direction.reason) == ("root", DirectionReason.CUT)
    assert direction_to(first, "recovered").descent == Descent.PARENT
    second = verdict_among(compared("recovered", recovered, {"root": ROOT, "cut": cut}))
    assert second.model == "cut"
    assert second.direction.descent != Descent.PARENT


def test_an_origin_is_no_merge_of_its_children(compared):
    """Their mean is near it, as chance has it of directions of their own."""
    verdict = verdict_among(compared("root", ROOT, TUNED))
    assert not verdict.has_changes(frozenset({ChangeKind.MERGED}))


def without(name):
    """Give the family without one of them."""
    return {key: tensors for key, tensors in FAMILY.items() if key != name}


def direction_to(verdict, name):
    """Give the direction of one of the relatives."""
    return next(one.direction for one in verdict.relatives if one.model == name)
