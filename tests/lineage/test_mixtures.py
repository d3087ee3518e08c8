"""registry.lineage.mixtures: least squares under shares that are not negative and sum to one."""

import numpy as np
import pytest

from registry.lineage.mixtures import (
    at_right_angles,
    mixed_from,
    mixture_of,
    mixtures_of_the_model,
    relative_to,
)

DRAW = np.random.Generator(np.random.PCG64(0))
PARENTS = DRAW.standard_normal((3, 50))


def products(model, parents):
    differences = model - parents
    return differences @ differences.T


def test_shares_of_a_mixture_are_found():
    """To rounding, and nothing is left."""
    mixture = mixture_of(products(np.array([0.5, 0.3, 0.2]) @ PARENTS, PARENTS))
    assert mixture.shares == pytest.approx([0.5, 0.3, 0.2], abs=1e-4)
    assert mixture.left < 1e-6


def test_shares_are_never_negative():
    """A point beyond a parent is that parent's alone."""
    beyond = 2 * PARENTS[0] - PARENTS[1]
    mixture = mixture_of(products(beyond, PARENTS[:2]))
    assert mixture.shares == pytest.approx([1, 0], abs=1e-4)


def test_a_candidate_takes_the_models_place():
    """Products of its differences from the others follow from those of the model's."""
    gram = products(np.zeros(50), PARENTS)
    assert relative_to(gram, 1) == pytest.approx(products(PARENTS[1], PARENTS))


def test_runs_in_directions_of_their_own_leave_what_is_foretold():
    """The best mixture of n at one distance is nearer by n."""
    gram = np.diag([1.0, 1.0, 2.0])
    assert mixture_of(gram).left == pytest.approx(at_right_angles(gram.diagonal()), rel=1e-3)
    assert mixed_from(gram) is None


def test_a_mixture_is_told_beside_its_own_copies():
    """A copy explains it better than its parts, and is set aside."""
    mean = PARENTS.mean(0)
    noisy = mean + 0.01 * DRAW.standard_normal(50)
    mixture = mixed_from(products(mean, np.vstack([PARENTS, noisy])))
    assert mixture.shares[:3] == pytest.approx([1 / 3] * 3, abs=0.01)
    assert mixture.shares[3] == 0


def test_a_mixture_of_the_model_needs_it():
    """One of others alone does not."""
    model, *others = PARENTS
    candidates = np.vstack([others, 0.5 * model + 0.5 * others[0], np.mean(others, 0)])
    gram = products(model, candidates)
    assert mixtures_of_the_model(gram, np.arange(4)) == {2}
