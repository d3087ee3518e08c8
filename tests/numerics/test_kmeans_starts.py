"""registry.numerics.kmeans_starts: partitions that K-Means starts from."""

from itertools import combinations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from spectra_made import spectra

from registry.numerics.kmeans_starts import AXES, along_main_axes, run_lengths, starts
from registry.numerics.partitions import inertia


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_starts_cut_where_the_inertia_is_least(seed, k):
    """Of all ways to cut a sequence into k runs the one of least inertia is taken."""
    points = np.random.default_rng(seed).normal(size=(12, 3))
    ways = [
        np.repeat(range(k), np.diff((0, *cuts, 12))) for cuts in combinations(range(1, 12), k - 1)
    ]
    chosen = np.repeat(range(k), run_lengths(points, k))
    assert inertia(points, chosen) == pytest.approx(min(inertia(points, way) for way in ways))


@pytest.mark.parametrize("size", [4, 128, 129, 1000])
def test_runs_cover_a_sequence(size):
    """Of long sequences, too, every point is in one run, and no run is empty."""
    lengths = run_lengths(spectra(1, size, 4), 3)
    assert lengths.sum() == size
    assert (lengths > 0).all()


def test_axes_are_the_principal_ones():
    """The coordinates are those of scikit-learn's PCA, up to the signs of the axes."""
    points = spectra(3, 112)
    points -= points.mean(0)
    expected = PCA(8).fit_transform(points)
    assert np.abs(along_main_axes(points, 8)) == pytest.approx(np.abs(expected), abs=1e-12)


def test_axes_of_noise_are_left_out():
    """Points on a plane have two axes, whatever rounding adds."""
    draw = np.random.default_rng(0)
    points = np.pad(draw.normal(size=(50, 2)), ((0, 0), (0, 6)))
    points += 1e-9 * draw.normal(size=points.shape)
    points -= points.mean(0)
    assert along_main_axes(points, 8).shape == (50, 2)


@pytest.mark.parametrize("k", [2, 3])
def test_a_start_for_each_axis(k):
    """Each start has all k clusters."""
    points = spectra(2, 60)
    labels = starts(points - points.mean(0), k)
    assert labels.shape == (AXES * (k - 1), 60)
    assert all(set(row) == set(range(k)) for row in labels)
