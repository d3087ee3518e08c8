"""registry.lineage.training_recipe: the shape of spectra, comparable across sizes."""

from types import SimpleNamespace

import numpy as np
import pytest

from registry.architectures.roles import PROJECTIONS
from registry.lineage.training_recipe import APART, recipe_distance, recipe_profile


def matrix(projection, rows, cols, seed=0, factor=1.0):
    values = factor * np.random.default_rng(seed).standard_normal((rows, cols))
    singular_values = tuple(np.linalg.svd(values, compute_uv=False)[:16])
    return SimpleNamespace(
        projection=projection,
        rows=rows,
        cols=cols,
        std=float(values.std()),
        singular_values=singular_values,
    )


def test_random_matrices_of_any_size_have_about_one_profile():
    """Size and scale cancel."""
    small = recipe_profile([matrix("query", 96, 96)])
    large = recipe_profile([matrix("query", 288, 288, seed=1, factor=0.02)])
    assert recipe_distance(small, large) < 0.1


def test_missing_projections_are_nan():
    """A profile has a row for each of the seven, NaN where a projection is missing."""
    profile = recipe_profile([matrix("key", 32, 32)])
    known = ~np.isnan(profile).any(1)
    assert [p for p, has in zip(PROJECTIONS, known, strict=True) if has] == ["key"]


def test_other_projections_are_far():
    """Recipes that do not have the same projections are not compared."""
    key, query = (recipe_profile([matrix(p, 32, 32)]) for p in ("key", "query"))
    assert recipe_distance(key, query) == APART
    assert recipe_distance(key, key) == 0
    nothing = recipe_profile([])
    assert recipe_distance(nothing, nothing) == APART


def test_layers_are_averaged():
    """The profile of two layers is the mean of theirs."""
    one, other = matrix("up", 64, 32, seed=1), matrix("up", 64, 32, seed=2)
    mean = (recipe_profile([one]) + recipe_profile([other])) / 2
    assert recipe_profile([one, other])[5] == pytest.approx(mean[5])
