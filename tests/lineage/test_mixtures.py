"""registry.lineage.mixtures: least squares under shares that are not negative and sum to one."""

import numpy as np
import pytest

from registry.lineage.mixtures import mixture_of, relative_to

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
