"""registry.lineage.right_angles: where a model stands among others that were made from one."""

import numpy as np
import pytest

from registry.lineage.right_angles import (
    is_farther,
    is_reached_past,
    is_reached_through,
    standing,
    standing_of_candidate,
)

NUMBERS = 2000
DRAW = np.random.Generator(np.random.PCG64(0))
ROOT = DRAW.standard_normal(NUMBERS)


def step(model, length):
    """A model that training took this far."""
    way = DRAW.standard_normal(NUMBERS)
    return model + length * way / np.linalg.norm(way)


def products(model, candidates):
    differences = model - np.stack(candidates)
    return differences @ differences.T


CHILDREN = [step(ROOT, length) for length in (1.0, 2.0, 3.0, 4.0, 5.0)]


def test_a_child_stands_beside_its_siblings():
    """At right angles to all of them, nearer than some."""
    seen = standing(products(step(ROOT, 1.5), [ROOT, *CHILDREN]), 0)
    assert (seen.beside, seen.farther, seen.behind) == (5, 4, 0)
    assert seen.is_child
    assert seen.is_near_child


def test_the_farthest_may_be_what_the_origin_came_from():
    """What is said to be an origin was itself made from something, as straight."""
    seen = standing(products(step(ROOT, 9.0), [ROOT, *CHILDREN]), 0)
    assert (seen.beside, seen.farther) == (5, 0)
    assert not seen.is_child


def test_the_origin_itself_is_between_all():
    """Seen from any of its children, the others are behind it."""
    seen = standing(products(ROOT, CHILDREN), 2)
    assert seen.behind == 4
    assert not seen.is_child


def test_two_siblings_are_too_few():
    """Three must stand beside."""
    assert not standing(products(step(ROOT, 0.5), [ROOT, *CHILDREN[:2]]), 0).is_child


@pytest.mark.parametrize(("place", "is_near"), [(1, True), (5, False)])
def test_a_candidate_is_seen_as_the_model_is(place, is_near):
    """The least of the root's children is near; the farthest is not told from its origin."""
    gram = products(step(ROOT, 1.5), [ROOT, *CHILDREN])
    assert standing_of_candidate(gram, place, 0).is_near_child is is_near


def test_what_was_made_from_the_model_is_reached_through_it():
    """A sibling is not, nor is what lies on the way to the model."""
    model = step(ROOT, 2.0)
    gram = products(model, [ROOT, step(model, 1.0), step(ROOT, 1.0)])
    assert is_reached_through(gram, 1, 0)
    assert not is_reached_through(gram, 2, 0)
    seen_from_the_child = products(step(model, 1.0), [ROOT, model])
    assert not is_reached_through(seen_from_the_child, 1, 0)


def test_what_was_made_from_a_child_is_reached_past_the_child():
    """A sibling of the model is not, though the child be a near copy of the model."""
    model = step(ROOT, 2.0)
    child = step(model, 1.0)
    gram = products(model, [child, step(child, 0.5), step(ROOT, 2.0)])
    assert is_reached_past(gram, 1, 0)
    assert not is_reached_past(gram, 2, 0)


def test_the_farther_of_two_from_an_origin_was_made_later():
    """By what the two differ."""
    model = step(ROOT, 2.0)
    gram = products(model, [ROOT, step(model, 1.0)])
    assert is_farther(gram, 1, 0)
    assert not is_farther(products(step(model, 1.0), [ROOT, model]), 1, 0)
