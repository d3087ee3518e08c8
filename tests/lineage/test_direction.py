"""registry.lineage.direction: which of two models came first, where weights show it."""

import models_made as made
import pytest

from registry.lineage.comparison import ModelComparison
from registry.lineage.descent import Descent, DirectionReason
from registry.lineage.direction import direction_of
from registry.lineage.ordered_pair import PairInOrder

ROOT = made.grown()
CHANGES = {
    "int4": (made.quantised(ROOT, 4), DirectionReason.GRID),
    "int8": (made.quantised(ROOT, 8), DirectionReason.GRID),
    "pruned": (made.pruned(ROOT, 0.5), DirectionReason.ZEROS),
    "folded": (made.norms_folded(ROOT), DirectionReason.FOLDED_NORMS),
    "dropped": (made.layers_taken(ROOT, [0, 1, 3]), DirectionReason.FEWER_LAYERS),
    "stacked": (made.layers_taken(ROOT, [0, 1, 1, 2, 3]), DirectionReason.REPEATED_LAYERS),
    "cut": (made.neurons_cut(ROOT, 72), DirectionReason.CUT),
    "padded": (made.neurons_padded(ROOT, 24), DirectionReason.GROWN),
}


@pytest.fixture
def direction(fingerprinted):
    """Give the direction from one model to another, each of a name and tensors."""

    def of(one, other):
        a, b = (fingerprinted(f"directed {name}", tensors) for name, tensors in (one, other))
        comparison = ModelComparison.of(a, b)
        return direction_of(PairInOrder(comparison.a, comparison.b, comparison.changes.places))

    return of


@pytest.mark.parametrize("name", CHANGES)
def test_what_cannot_be_undone_shows_the_direction(direction, name):
    """The changed model is the child, and the other its parent when asked the other way round."""
    tensors, reason = CHANGES[name]
    forth = direction((name, tensors), ("root", ROOT))
    assert (forth.descent, forth.reason) == (Descent.CHILD, reason)
    back = direction(("root", ROOT), (name, tensors))
    assert (back.descent, back.reason) == (Descent.PARENT, reason)


@pytest.mark.parametrize("name", ["int4", "pruned"])
def test_a_fine_tune_of_a_changed_model_is_not_taken_for_its_origin(direction, name):
    """It has left the grid and the zeros, by another amount than rounding and zeroing take."""
    tensors, _ = CHANGES[name]
    tuned = (f"{name} tuned", made.tuned(tensors, 0.1))
    assert direction(tuned, (name, tensors)).descent != Descent.PARENT
    assert direction((name, tensors), tuned).descent != Descent.CHILD


def test_a_fine_tune_shows_none(direction):
    """Nor does a copy in other axes."""
    tuned = direction(("tuned", made.tuned(ROOT, 0.1)), ("root", ROOT))
    assert (tuned.descent, tuned.reason) == (Descent.UNDECIDED, None)
    permuted = direction(("permuted", made.neurons_permuted(ROOT)), ("root", ROOT))
    assert permuted.descent == Descent.UNDECIDED
