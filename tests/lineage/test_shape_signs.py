"""registry.lineage.shape_signs: signs in shapes of which of two models is the later."""

import models_made as made
import pytest

from registry.lineage.comparison import ModelComparison
from registry.lineage.ordered_pair import PairInOrder
from registry.lineage.shape_signs import is_smaller, is_whole, was_cut, was_grown

ROOT = made.grown()


@pytest.fixture
def pair(fingerprinted):
    """Give two models side by side, the first made from the root."""

    def of(name, tensors):
        a = fingerprinted(f"shaped {name}", tensors)
        comparison = ModelComparison.of(a, fingerprinted("shaped root", ROOT))
        return PairInOrder(comparison.a, comparison.b, comparison.changes.places)

    return of


def test_a_part_of_the_neurons_is_a_cut(pair):
    """It took energy with it, and the whole was not grown from it."""
    cut = pair("cut", made.neurons_cut(ROOT, 72))
    assert is_smaller(cut)
    assert was_cut(cut)
    assert not was_grown(cut.reversed)


def test_zeros_that_were_added_are_no_sign_of_a_cut(pair):
    """They have no energy that a cut would have taken."""
    padded = pair("padded", made.neurons_padded(ROOT, 24))
    assert was_grown(padded)
    assert not was_cut(padded.reversed)


def test_trained_zeros_show_nothing(pair):
    """The larger may have been there first, but for what its neurons weigh."""
    trained = pair("padded and tuned", made.tuned(made.neurons_padded(ROOT, 24), 0.05))
    assert not was_grown(trained)
    assert not was_cut(trained.reversed)


def test_models_of_one_shape_show_nothing(pair):
    """Neither is a part of the other."""
    tuned = pair("tuned", made.tuned(ROOT))
    assert not is_smaller(tuned)
    assert not was_cut(tuned)
    assert not was_grown(tuned)


@pytest.mark.parametrize(("number", "whole"), [(2.0, True), (1.999, True), (1.33, False)])
def test_whole_numbers_are_told(number, whole):
    """But for rounding."""
    assert is_whole(number) is whole
