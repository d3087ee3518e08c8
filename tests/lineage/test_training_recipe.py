"""registry.lineage.training_recipe: the shape of spectra, comparable across sizes."""

from typing import NamedTuple

import numpy as np
import pytest
from columns_made import matrix_columns

from registry.architectures.roles import PROJECTIONS
from registry.lineage.matrix_columns import CODES
from registry.lineage.training_recipe import APART, recipe_distance, recipe_profile


class Measured(NamedTuple):
    """What a profile reads of a matrix."""

    projection: str
    shape: tuple[int, int]
    std: float
    spectrum: np.ndarray


def profile_of(*matrices):
    return recipe_profile(joined(matrices))


def matrix(projection, rows, cols, seed=0, factor=1.0):
    values = factor * np.random.default_rng(seed).standard_normal((rows, cols))
    return Measured(projection, values.shape, values.std(), np.linalg.svd(values)[1][:16])


def joined(matrices):
    shapes = np.array([one.shape for one in matrices], int).reshape(-1, 2)
    return matrix_columns(
        len(matrices),
        projections=np.array([CODES[one.projection] for one in matrices], int),
        rows=shapes[:, 0],
        cols=shapes[:, 1],
        std=np.array([one.std for one in matrices]),
        singular_values=np.array([one.spectrum for one in matrices]).reshape(-1, 16),
    )


def test_random_matrices_of_any_size_have_about_one_profile():
    """Size and scale cancel."""
    small = profile_of(matrix("query", 96, 96))
    large = profile_of(matrix("query", 288, 288, seed=1, factor=0.02))
    assert recipe_distance(small, large) < 0.1


def test_missing_projections_are_nan():
    """A profile has a row for each of the seven, NaN where a projection is missing."""
    profile = profile_of(matrix("key", 32, 32))
    known = ~np.isnan(profile).any(1)
    assert [p for p, has in zip(PROJECTIONS, known, strict=True) if has] == ["key"]


def test_other_projections_are_far():
    """Recipes that do not have the same projections are not compared."""
    key, query = (profile_of(matrix(p, 32, 32)) for p in ("key", "query"))
    assert recipe_distance(key, query) == APART
    assert recipe_distance(key, key) == 0
    nothing = profile_of()
    assert recipe_distance(nothing, nothing) == APART


def test_layers_are_averaged():
    """The profile of two layers is the mean of theirs."""
    one, other = matrix("up", 64, 32, seed=1), matrix("up", 64, 32, seed=2)
    mean = (profile_of(one) + profile_of(other)) / 2
    assert profile_of(one, other)[5] == pytest.approx(mean[5])
