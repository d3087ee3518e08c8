"""registry.fingerprints.value_heads: the size of heads that share values, from the weights alone."""

import models_made as made
import numpy as np
import pytest

from registry.fingerprints.value_heads import (
    head_size,
    length_correlation,
    repeated_values,
    summed_values,
)

ROOT = {name: tensor.float().numpy() for name, tensor in made.grown().items()}


def test_heads_are_told_from_the_weights():
    """The lengths of values and of what reads them go together under the true size alone."""
    pairs = []
    for layer in range(made.LAYERS):
        value, output = (ROOT[f"model.layers.{layer}.{name}"] for name in (made.V, made.O))
        pairs.append(((value**2).sum(1), (output**2).sum(0)))
    assert head_size(pairs) == made.HEAD
    assert head_size([]) == 0


def test_lengths_that_go_against_each_other_count_as_much():
    """As where a value was scaled up and the output that reads it down."""
    value = np.array([1.0, 2.0, 4.0, 8.0])
    assert length_correlation(value, 1 / value, 2) == pytest.approx(-1)
    assert length_correlation(value, value, 4) == pytest.approx(1)
    assert length_correlation(np.ones(4), value, 2) == 0


def test_each_value_head_comes_once_for_every_query_head():
    """Two heads of two rows, each read by two query heads."""
    value = np.arange(4.0)[:, None]
    assert repeated_values(value, 8, 2).flatten().tolist() == [0, 1, 0, 1, 2, 3, 2, 3]


def test_summing_is_the_transpose_of_repeating():
    """X . repeat(y) = sum(x) . y."""
    draw = np.random.default_rng(0)
    one, other = draw.standard_normal((8, 3)), draw.standard_normal((4, 3))
    left = np.vdot(one, repeated_values(other, 8, 2))
    assert left == pytest.approx(np.vdot(summed_values(one, 4, 2), other))
