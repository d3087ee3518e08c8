"""Partitions of points into clusters: labels, sizes, centroids and inertia.

Shapes: n points of d numbers, k clusters, p partitions of the same points.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class ClusterMeans(NamedTuple):
    """Of p partitions the clusters' sizes, p x k, and centroids, p x k x d; 0 for empty ones."""

    sizes: np.ndarray
    centroids: np.ndarray


def cluster_means(points: np.ndarray, labels: np.ndarray, k: int) -> ClusterMeans:
    """Return sizes and centroids of the k clusters of each of p partitions.

    Args:
        labels: p x n.
    """
    clusters = np.arange(k)[:, None]
    membership = (labels[:, None] == clusters).astype(float)  # p x k x n
    sizes = membership.sum(2)
    totals = membership.reshape(-1, len(points)) @ points
    sums = totals.reshape(-1, k, points.shape[1])
    return ClusterMeans(sizes, sums / np.maximum(sizes, 1)[:, :, None])


def centroids_of(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the centroid of every cluster, k x d, none of them empty."""
    clusters = range(labels.max() + 1)
    return np.array([points[labels == c].mean(0) for c in clusters])


def inertia(points: np.ndarray, labels: np.ndarray) -> float:
    """Return the sum of squared distances of all points to the centroids of their clusters."""
    total = 0.0
    for c in np.unique(labels):
        members = points[labels == c]
        total += ((members - members.mean(0)) ** 2).sum()
    return float(total)


def squared_distances(points: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Return squared Euclidean distances, n x k."""
    columns = [((points - centroid) ** 2).sum(1) for centroid in centroids]
    return np.column_stack(columns)


def canonical(labels: np.ndarray) -> np.ndarray:
    """Return labels with the clusters numbered in order of first appearance."""
    _, first, cluster = np.unique(labels, return_index=True, return_inverse=True)
    numbers = first.argsort().argsort()
    renumbered: np.ndarray = numbers[cluster]
    return renumbered


def distinct(partitions: Iterable[np.ndarray]) -> list[np.ndarray]:
    """Return every partition once, its clusters numbered in order of first appearance."""
    by_content = {}
    for labels in partitions:
        numbered = canonical(labels)
        by_content[numbered.tobytes()] = numbered
    return list(by_content.values())
