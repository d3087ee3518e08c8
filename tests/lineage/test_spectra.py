"""registry.lineage.spectra: singular values, which no permutation, rotation or vocabulary changes."""

import math
from types import SimpleNamespace

import models_made as made
import numpy as np
import pytest
from columns_made import matrix_columns

from registry.lineage.features import ModelFeatures
from registry.lineage.spectra import LEAST, closeness, scaled_logs, spectral_distance

ROOT = made.grown()


def features(fingerprinted, name, tensors):
    return ModelFeatures.of(fingerprinted(name, tensors))


def test_a_rotated_copy_is_nearer_than_an_independent_run(fingerprinted):
    """A copy in permuted axes differs by rounding, an independent run by the random-matrix scale."""
    root = features(fingerprinted, "root", ROOT)
    permuted = features(fingerprinted, "neurons", made.neurons_permuted(ROOT))
    independent = features(fingerprinted, "seed 1", made.grown(1))
    assert spectral_distance(permuted, root) < 1e-3
    assert spectral_distance(root, root) == LEAST
    assert spectral_distance(independent, root) > 0.3


def test_layers_are_matched_by_assignment(fingerprinted):
    """Reordered layers are at no distance."""
    root = features(fingerprinted, "root", ROOT)
    reordered = features(fingerprinted, "[3, 2, 1, 0]", made.layers_taken(ROOT, [3, 2, 1, 0]))
    assert spectral_distance(reordered, root) == LEAST


def test_nothing_in_common_is_infinitely_far():
    """Models without a projection in common have no distance, and the lowest closeness."""
    nothing = SimpleNamespace(spectra={})
    assert spectral_distance(nothing, nothing) == math.inf
    assert closeness(math.inf) == -math.inf
    assert closeness(0.1) == pytest.approx(1)


def test_a_common_factor_cancels():
    """Values are scaled by their rms; the scale is n^(-2/3) of the smaller side."""
    values = np.linspace(2, 1, 16)
    given = np.outer([1, 100], values)
    sizes = {"rows": np.full(2, 8**3), "cols": np.full(2, 1000)}
    one, other = scaled_logs(matrix_columns(2, singular_values=given, **sizes))
    assert one == pytest.approx(other)
    assert one[0] == pytest.approx(1 / 64)


def test_missing_values_are_nan():
    """A matrix with a single value has no shape."""
    single = np.array([[1.0] + [np.nan] * 15])
    (row,) = scaled_logs(matrix_columns(1, singular_values=single))
    assert np.isnan(row).all()
