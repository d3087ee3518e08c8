"""registry.figures.figure_data: the numbers behind the figures."""

from dataclasses import replace

import numpy as np
import pytest
from places import EXAMPLES

import registry
from registry.errors import NothingToDraw
from registry.figures.figure_data import (
    all_distances,
    generated_pair,
    in_order,
    label_table,
    principal_plane,
    projection_pairs,
    steps_of,
    weight_densities,
)


@pytest.fixture(scope="module")
def small():
    return registry.fingerprint(EXAMPLES / "llama-small", rank=16)


def test_principal_axes_are_those_of_an_svd(small):
    """Points agree with a singular value decomposition about the mean, up to each axis' sign."""
    rows = np.array([matrix.singular_values[:16] for matrix in small.matrices])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    left, values, _ = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    plane = principal_plane("small", small, 16)
    assert np.abs(plane.points) == pytest.approx(np.abs(left[:, :2] * values[:2]), abs=1e-12)
    assert plane.shares == pytest.approx(values[:2] ** 2 / (values**2).sum())


def test_one_matrix_spans_no_plane(small):
    """And is refused in a sentence."""
    with pytest.raises(NothingToDraw, match="'one' has no second matrix to draw"):
        principal_plane("one", replace(small, matrices=small.matrices[:1]), 16)


def test_labels_are_means_over_a_layer(small):
    """Two matrices of one projection in one layer share a cell, and a missing one is NaN."""
    first, second, *_ = small.matrices
    twice = replace(small, matrices=(first, replace(first), replace(second, layer=3)))
    table = label_table(twice, [1, 0, 1])
    assert np.nansum(table) == 1.5
    assert np.isnan(table).sum() == table.size - 2


def test_densities_have_area_one(small):
    """Up to what lies beyond four standard deviations."""
    for density in weight_densities("small", small, 400).values():
        step = density.points[1] - density.points[0]
        assert density.values.sum() * step == pytest.approx(1, abs=0.01)


def test_pairs_of_few_layers_are_all_vectors(small):
    """Where every two projections have too few distances, one set without a name is left."""
    [only] = projection_pairs(replace(small, matrices=small.matrices[:14]), 16)
    assert only.name == ""
    assert len(only.distances.values) > 0
    assert len(all_distances(small, 16).values) > len(only.distances.values)


def test_the_generator_gives_the_same_twice():
    """Two matrices, 32 x 4096, of a fixed seed."""
    one, other = generated_pair("normal")
    assert one.shape == other.shape == (32, 4096)
    assert np.array_equal(one, generated_pair("normal")[0])


@pytest.mark.parametrize(
    ("names", "steps"),
    [
        (("checkpoint-1000", "checkpoint-500"), [1000, 500]),
        (("run/step_7", "run/step_30"), [7, 30]),
        (("500", "2500"), [500, 2500]),
        (("a/checkpoint-1", "b/checkpoint-2"), None),
        (("checkpoint-1", "final"), None),
    ],
    ids=lambda value: "-".join(map(str, value or ["none"])),
)
def test_steps_are_numbers(names, steps, small):
    """checkpoint-500 comes before checkpoint-1000; names without steps, or of two runs, state no order."""
    models = [(name, small) for name in names]
    assert steps_of(models) == steps
    assert [name for name, _ in in_order(models)] == (
        sorted(names, key=lambda name: steps[names.index(name)]) if steps else list(names)
    )
