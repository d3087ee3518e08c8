"""registry.lineage.ordered_pair: two related models with the layers that correspond."""

import models_made as made
import pytest

from registry.lineage.comparison import ModelComparison
from registry.lineage.ordered_pair import PairInOrder
from registry.lineage.unit_sketches import cosines_between

ROOT = made.grown()


@pytest.fixture
def pair(fingerprinted):
    """Give a model beside the root."""

    def of(name, tensors):
        comparison = ModelComparison.of(
            fingerprinted(f"ordered {name}", tensors), fingerprinted("ordered root", ROOT)
        )
        return PairInOrder(comparison.a, comparison.b, comparison.changes.places)

    return of


def test_the_first_of_repeated_layers_counts_from_the_other_side(pair):
    """The root's second layer is there twice."""
    stacked = pair("stacked", made.layers_taken(ROOT, [0, 1, 1, 2, 3]))
    assert stacked.places == (0, 1, 1, 2, 3)
    assert stacked.reversed.places == (0, 1, 3, 4)


def test_a_layer_that_was_dropped_has_no_source(pair):
    """Unless it is like one that has."""
    dropped = pair("dropped", made.layers_taken(ROOT, [0, 1, 3]))
    assert dropped.reversed.places == (0, 1, None, 2)


def test_equal_models_are_not_apart(pair):
    """Whatever is trained is, by the squared length of the change."""
    assert pair("again", ROOT).equal
    tuned = pair("tuned", made.tuned(ROOT, 0.1))
    assert not tuned.equal
    assert tuned.apart / tuned.energies[1] == pytest.approx(0.01, rel=0.3)


def test_layers_that_began_alike_have_a_cosine(pair):
    """Those that began apart have none to speak of; nor have matrices of two shapes."""
    model = pair("stacked", made.layers_taken(ROOT, [0, 1, 1, 2, 3])).model
    assert model.layer_cosines[1, 2] == pytest.approx(1)
    assert abs(model.layer_cosines[0, 1]) < 0.2
    up, down = model.table.in_every_layer("up"), model.table.in_every_layer("down")
    assert (cosines_between(model.matrices, up, down) == 0).all()
    assert cosines_between(model.matrices, up, up) == pytest.approx(1)
