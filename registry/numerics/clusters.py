"""K-Means whose answer does not depend on a seed.

sklearn's default start gives other labels on other runs (several local optima lie close together). Here every start
comes from the data: the best thresholds along each principal axis. Lloyd's iteration refines each start, Hartigan's
exchanges improve it further, and the lowest inertia wins; ties go to the first in lexicographic order.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

AXES = 4
CUTS = 1023  # places along an axis where a start may cut; all of them where there are no more points
EXCHANGED = 4096  # points, above which exchanging single ones gains nothing that would show
TOLERANCE = 1e-12  # relative: smaller gains in inertia are rounding, and would let labels hang on the machine


@dataclass(frozen=True)
class Clusters:
    """labels: n integers, the first point in cluster 0. inertia: sum of squared distances to the own centroid.

    margins: n distances from each point to the boundary between its own and the nearest other cluster, the centroids
    held still; 0 where nothing separates the clusters.
    """

    labels: tuple[int, ...]
    inertia: float
    margins: tuple[float, ...]


def cluster(points: np.ndarray, k: int) -> Clusters:
    """Split n x d points into at most k = 2 or 3 clusters (paper 2509.19122, 3.1); all 0 where the points coincide."""
    if len(np.unique(points.round(12), axis=0)) < k:
        labels = np.unique(points.round(12), axis=0, return_inverse=True)[1].reshape(-1)
        return summarise(points, canonical(labels))
    improve = exchange if len(points) <= EXCHANGED else lambda _, labels, __: labels
    candidates = [canonical(improve(points, lloyd(points, start, k), k)) for start in starts(points, k)]
    total = inertia(points, np.zeros(len(points), dtype=int))
    return summarise(
        points,
        min(candidates, key=lambda labels: (round(inertia(points, labels) / total, 12), labels.tolist())),
    )


def starts(points: np.ndarray, k: int) -> Iterator[np.ndarray]:
    """For each principal axis the k - 1 thresholds along it that leave the least inertia."""
    n, d = points.shape
    for axis in PCA(min(AXES, n, d), svd_solver="full").fit_transform(points).T:
        order = np.argsort(axis, kind="stable")
        labels = np.empty(n, dtype=int)
        labels[order] = np.searchsorted(best_cuts(points[order], k), np.arange(n), side="right")
        yield labels


def best_cuts(ordered: np.ndarray, k: int) -> tuple[int, ...]:
    """Where to cut a sequence of points into k runs of least inertia, i.e. of largest sum of |run total|^2 / length.

    Of long sequences only CUTS places are tried, evenly spread: a start need not be exact.
    """
    n = len(ordered)
    places = np.unique(np.linspace(0, n, min(n, CUTS + 1) + 1).round().astype(int))  # 0, every possible cut, n
    totals = np.vstack([np.zeros(ordered.shape[1]), ordered.cumsum(0)])[places]
    square = totals @ totals.T
    norms = np.diag(square)

    def gain(i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """|sum of the points from place i up to place j|^2 / their number."""
        per_point: np.ndarray = (norms[i] + norms[j] - 2 * square[i, j]) / (places[j] - places[i])
        return per_point

    last = len(places) - 1
    cuts = np.arange(1, last)[:, None] if k == 2 else np.column_stack(np.triu_indices(last - 1, 1)) + 1  # noqa: PLR2004  # two runs have one cut
    bounds = np.column_stack([np.zeros(len(cuts), dtype=int), cuts, np.full(len(cuts), last)])
    gains = sum(gain(bounds[:, i], bounds[:, i + 1]) for i in range(k))
    return tuple(places[cuts[int(np.argmax(gains))]])


def lloyd(points: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Lloyd's iteration from a given partition."""
    centroids = np.array([points[labels == c].mean(0) for c in range(k)])
    fitted: np.ndarray = KMeans(k, init=centroids, n_init=1, tol=0).fit(points).labels_
    return fitted


def exchange(points: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Hartigan's exchanges: move the single point whose move lowers the inertia most, until none does."""
    labels = labels.copy()
    scale = TOLERANCE * float(((points - points.mean(0)) ** 2).sum())
    rows = np.arange(len(points))
    while True:
        sizes = np.bincount(labels, minlength=k)
        centroids = np.array([points[labels == c].mean(0) if sizes[c] else points.mean(0) for c in range(k)])
        squared = squared_distances(points, centroids)
        leave = squared[rows, labels] * sizes[labels] / np.maximum(sizes[labels] - 1, 1)
        enter = squared * sizes / (sizes + 1)
        enter[rows, labels] = np.inf
        gains = np.where(sizes[labels] > 1, leave - enter.min(1), -np.inf)
        best = int(gains.argmax())
        if gains[best] <= scale:
            return labels
        labels[best] = enter[best].argmin()


def squared_distances(points: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """N x k squared euclidean distances."""
    return np.column_stack([((points - centroid) ** 2).sum(1) for centroid in centroids])


def canonical(labels: np.ndarray) -> np.ndarray:
    """Clusters renumbered in order of first appearance."""
    first: dict[int, int] = {}
    return np.array([first.setdefault(int(label), len(first)) for label in labels])


def inertia(points: np.ndarray, labels: np.ndarray) -> float:
    """Sum of squared distances to the own centroid."""
    return float(sum(((points[labels == c] - points[labels == c].mean(0)) ** 2).sum() for c in np.unique(labels)))


def summarise(points: np.ndarray, labels: np.ndarray) -> Clusters:
    """Inertia and margins of a partition."""
    centroids = np.array([points[labels == c].mean(0) for c in np.unique(labels)])
    margins = np.zeros(len(points))
    if len(centroids) > 1:
        squared = squared_distances(points, centroids)
        apart = np.linalg.norm(centroids[:, None] - centroids[None], axis=2)
        np.fill_diagonal(apart, np.nan)  # no boundary to the own cluster
        margins = np.nanmin((squared - np.take_along_axis(squared, labels[:, None], 1)) / (2 * apart[labels]), axis=1)
    return Clusters(tuple(labels.tolist()), inertia(points, labels), tuple(margins.tolist()))
