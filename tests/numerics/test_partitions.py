"""registry.numerics.partitions: labels, sizes, centroids and inertia."""

import numpy as np
import pytest

from registry.numerics.partitions import (
    canonical,
    centroids_of,
    cluster_means,
    distinct,
    inertia,
    squared_distances,
)

POINTS = np.array([[0.0, 0.0], [2.0, 0.0], [5.0, 1.0]])


def test_cluster_means_of_several_partitions():
    """Each partition has its own sizes and centroids; an empty cluster has zeros."""
    sizes, centroids = cluster_means(POINTS, np.array([[0, 0, 1], [1, 0, 1]]), 3)
    assert sizes.tolist() == [[2, 1, 0], [1, 2, 0]]
    assert centroids.tolist() == [
        [[1.0, 0.0], [5.0, 1.0], [0.0, 0.0]],
        [[2.0, 0.0], [2.5, 0.5], [0.0, 0.0]],
    ]


def test_centroids_and_distances():
    """The mean of each cluster, and the squares of the distances to it."""
    centroids = centroids_of(POINTS, np.array([0, 0, 1]))
    assert centroids.tolist() == [[1.0, 0.0], [5.0, 1.0]]
    assert squared_distances(POINTS, centroids).tolist() == [[1.0, 26.0], [1.0, 10.0], [17.0, 0.0]]


def test_inertia():
    """The sum of squared distances to the centroids; one cluster has the sum about the mean."""
    assert inertia(POINTS, np.array([0, 0, 1])) == 2.0
    total = ((POINTS - POINTS.mean(0)) ** 2).sum()
    assert inertia(POINTS, np.array([0, 0, 0])) == pytest.approx(total)


def test_clusters_are_numbered_by_first_appearance():
    """Whatever the clusters were called, the first point is in cluster 0."""
    assert canonical(np.array([7, 2, 7, 0])).tolist() == [0, 1, 0, 2]


def test_equal_partitions_count_once():
    """Partitions that differ in names alone are one, in the order in which they came."""
    partitions = [np.array(labels) for labels in ([1, 0, 0], [0, 0, 1], [0, 1, 1])]
    assert [labels.tolist() for labels in distinct(partitions)] == [[0, 1, 1], [0, 0, 1]]
