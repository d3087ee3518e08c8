"""registry.numerics.kmeans."""

from itertools import product

import numpy as np
import pytest
from sklearn.cluster import KMeans
from spectra_made import spectra

from registry.numerics.kmeans import cluster, lloyd
from registry.numerics.kmeans_starts import starts
from registry.numerics.partitions import canonical, cluster_means, inertia


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_never_worse_than_the_best_of_many_seeds(seed, k):
    """The inertia is at most that of scikit-learn's best over 5 seeds of 10 starts."""
    points = spectra(seed, 112)
    best = min(KMeans(k, n_init=10, random_state=s).fit(points).inertia_ for s in range(5))
    assert cluster(points, k).inertia <= best * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_optimal_on_small_sets(seed):
    """On 10 points it finds the best of all 2^9 partitions."""
    points = spectra(seed, 10, 4)
    best = min(inertia(points, np.array((0, *rest))) for rest in product((0, 1), repeat=9))
    assert cluster(points, 2).inertia == pytest.approx(best)


def test_same_answer_for_perturbed_and_repeated_runs():
    """Rounding does not change labels."""
    points = spectra(1, 224)
    noise = np.random.default_rng(0).normal(0, 1e-12, points.shape)
    assert (
        cluster(points, 2).labels == cluster(points, 2).labels == cluster(points + noise, 2).labels
    )


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_lloyd_settles_where_scikit_learn_does(seed, k):
    """From the same centroids the labels are scikit-learn's, whatever start came to rest first."""
    points = spectra(seed, 112)
    points -= points.mean(0)
    begins = starts(points, k)
    expected = set()
    for centroids in cluster_means(points, begins, k).centroids:
        model = KMeans(k, init=centroids, n_init=1, tol=0, max_iter=300).fit(points)
        expected.add(tuple(canonical(model.labels_)))
    assert {tuple(canonical(labels)) for labels in lloyd(points, begins, k)} == expected


def test_an_empty_cluster_stays_empty():
    """Lloyd's iteration puts no point into a cluster that has none."""
    points = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    (settled,) = lloyd(points, np.array([[0, 1, 1, 1]]), 3)
    assert settled.tolist() == [0, 0, 1, 1]


def test_order_of_points_does_not_matter():
    """A permutation of the points permutes the labels."""
    points = spectra(2, 60)
    order = np.random.default_rng(5).permutation(60)
    straight, shuffled = (
        np.array(cluster(points, 2).labels)[order],
        np.array(cluster(points[order], 2).labels),
    )
    assert len(set(zip(straight, shuffled, strict=True))) == 2


def test_margin_is_the_distance_to_the_boundary():
    """With centroids at 0 and 4 the boundary stands at 2."""
    points = np.array([[-1.0], [1.0], [3.0], [5.0]])
    found = cluster(points, 2)
    assert found.labels == (0, 0, 1, 1)
    assert found.margins == pytest.approx((3.0, 1.0, 1.0, 3.0))


@pytest.mark.parametrize(
    ("points", "labels"),
    [
        ([[1.0, 0.0]] * 4, (0, 0, 0, 0)),
        ([[1.0, 0.0]], (0,)),
        ([[1.0, 0.0], [0.0, 1.0]] * 2, (0, 1, 0, 1)),
    ],
    ids=["all equal", "one point", "as many places as clusters"],
)
def test_degenerate_sets(points, labels):
    """Coinciding points stay together; there may be fewer clusters than asked for."""
    found = cluster(np.array(points), 2)
    assert found.labels == labels
    assert found.inertia == 0


def test_rivals_are_other_partitions():
    """The other optima that were found differ from the answer and from each other, and none is better."""
    found = [cluster(spectra(seed, 112), 3) for seed in range(6)]
    for seed, clusters in enumerate(found):
        partitions = (clusters.labels, *clusters.rivals)
        assert len(set(partitions)) == len(partitions)
        values = [inertia(spectra(seed, 112), np.array(labels)) for labels in partitions]
        assert values == sorted(values)
    assert any(clusters.rivals for clusters in found)


def test_points_that_differ_by_rounding():
    """Points that lie 1e-11 apart, beside one far away, come to rest."""
    points = 1 + 1e-11 * np.random.default_rng(0).normal(size=(200, 16))
    points[7] = 0.0
    assert set(cluster(points, 3).labels) == {0, 1, 2}


def test_fewer_places_than_clusters():
    """Three clusters of two places are two, numbered in order of first appearance."""
    assert cluster(np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), 3).labels == (
        0,
        1,
        1,
        0,
    )


@pytest.mark.parametrize("seed", range(8))
def test_axes_of_noise_start_nothing(seed):
    """Spectra of rank 4 give the same labels whatever noise of 1e-8 stands where their zeros were."""
    points = np.pad(spectra(seed, 18, 4), ((0, 0), (0, 12)))
    noise = np.random.default_rng(seed).uniform(0, 1e-8, (2, *points.shape))
    first, second = (cluster(points + part, 3).labels for part in noise)
    assert first == second
