"""K-Means whose answer does not depend on a seed.

K-Means has several local optima that lie close together, so that random starts give other labels on
other runs. Here every start comes from the data: the best thresholds along each principal axis.
Lloyd's iteration refines all starts together, Hartigan's exchanges improve each further, and the
lowest inertia wins; ties go to the first in lexicographic order.

scikit-learn's Lloyd gives the same labels from the same starts, except among exact ties, where it
gives a cluster that runs empty a new point. It needs twice the time, as it takes one start after
the other, and most of a second to import.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from registry.numerics.kmeans_starts import starts
from registry.numerics.partitions import (
    ClusterMeans,
    centroids_of,
    cluster_means,
    distinct,
    inertia,
    squared_distances,
)

ITERATIONS = 300  # of Lloyd, which settles long before unless points differ by rounding alone
# Relative: smaller gains in inertia are rounding, and would let labels depend on the machine.
TOLERANCE = 1e-12
DECIMALS = 12  # of points that count as one place


@dataclass(frozen=True)
class Clusters:
    """A partition of n points, the best one found.

    Attributes:
        labels: n integers, the first point in cluster 0.
        inertia: Sum of squared distances of all points to the centroids of their clusters.
        margins: n distances from each point to the boundary between its cluster and the nearest
            other one, the centroids held still; 0 where nothing separates the clusters.
        rivals: Labels of the other local optima that were found, at most one for each start.
    """

    labels: tuple[int, ...]
    inertia: float
    margins: tuple[float, ...]
    rivals: tuple[tuple[int, ...], ...] = ()


class Move(NamedTuple):
    """What each of n points gains where it alone changes its cluster, and for which other one."""

    gains: np.ndarray
    targets: np.ndarray


def cluster(points: np.ndarray, k: int) -> Clusters:
    """Split n x d points into at most k = 2 or 3 clusters (paper 2509.19122, section 3.1).

    There are fewer where the points coincide: one for each place.
    """
    places = coinciding(points, k)
    if len(np.unique(places)) < k:
        return summarise(points, [places])

    centred = points - points.mean(0)
    settled = distinct(lloyd(centred, starts(centred, k), k))
    improved = distinct(exchange(centred, labels, k) for labels in settled)
    return summarise(points, ranked(centred, improved, k))


def coinciding(points: np.ndarray, k: int) -> np.ndarray:
    """Return each point's place, numbered in order of first appearance.

    From the k-th on all places count as one.
    """
    rounded = points.round(DECIMALS)
    labels = np.full(len(points), k - 1)
    for place in range(k - 1):
        remaining = np.flatnonzero(labels == k - 1)
        if len(remaining):
            first = rounded[remaining[0]]
            labels[(rounded == first).all(1)] = place
    return labels


def lloyd(points: np.ndarray, labels: np.ndarray, k: int) -> list[np.ndarray]:
    """Return where Lloyd's iteration settles from each of several partitions, starts x n labels.

    All that have not settled take every step together.
    """
    settled: list[np.ndarray] = []
    moving = labels
    for _ in range(ITERATIONS):
        closest = nearest(points, cluster_means(points, moving, k))
        changed = (closest != moving).any(1)
        settled += list(moving[~changed])
        moving = closest[changed]
        if not len(moving):
            break
    return [*settled, *moving]


def nearest(points: np.ndarray, means: ClusterMeans) -> np.ndarray:
    """Return each point's nearest cluster in each of p partitions, p x n; never an empty one.

    |x - c| is least where x.c - |c|^2 / 2 is largest.
    """
    sizes, centroids = means
    p, k, d = centroids.shape
    products = (centroids.reshape(-1, d) @ points.T).reshape(p, k, len(points))
    half_squares = np.where(sizes > 0, (centroids**2).sum(2) / 2, np.inf)
    closest: np.ndarray = (products - half_squares[:, :, None]).argmax(1)
    return closest


def exchange(points: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Improve a partition by Hartigan's exchanges, until no move of a single point pays.

    Args:
        points: n x d, centred.

    At every step the point whose move lowers the inertia most is moved, or all at once whose moves
    pay, where that lowers it more.
    """
    rows = np.arange(len(points))
    least_gain = TOLERANCE * (points**2).sum(1).sum()
    candidates = labels[None]
    while True:
        labels = lowest(points, candidates, k)
        gains, targets = single_moves(points, labels, k)
        pays = gains > least_gain
        if not pays.any():
            return labels
        best_alone = pays & (rows == gains.argmax())
        candidates = np.where([best_alone, pays], targets, labels)


def lowest(points: np.ndarray, candidates: np.ndarray, k: int) -> np.ndarray:
    """Return the partition of least inertia, of p x n labels of centred points."""
    between = between_clusters(points, candidates, k)
    best: np.ndarray = candidates[int(between.argmax())]
    return best


def between_clusters(points: np.ndarray, partitions: np.ndarray, k: int) -> np.ndarray:
    """Return sum m |c|^2 over the clusters of p partitions of centred points.

    Together with the inertia it is the sum of all squares.
    """
    sizes, centroids = cluster_means(points, partitions, k)
    squares: np.ndarray = (sizes * (centroids**2).sum(2)).sum(1)
    return squares


def single_moves(points: np.ndarray, labels: np.ndarray, k: int) -> Move:
    """Return for every point the best move to another cluster.

    Leaving a cluster of m points lowers the inertia by m |x - a|^2 / (m - 1), joining one of l
    points adds l |x - b|^2 / (l + 1).
    """
    rows = np.arange(len(points))
    all_sizes, all_centroids = cluster_means(points, labels[None], k)
    sizes, centroids = all_sizes[0], all_centroids[0]

    norms = (points**2).sum(1)
    squared = norms[:, None] - 2 * (points @ centroids.T) + (centroids**2).sum(1)
    leaving = sizes / np.maximum(sizes - 1, 1)
    saved = squared[rows, labels] * leaving[labels]
    added = squared * (sizes / (sizes + 1))
    added[rows, labels] = np.inf

    alone = sizes[labels] <= 1
    gains = np.where(alone, -np.inf, saved - added.min(1))
    return Move(gains, added.argmin(1))


def ranked(points: np.ndarray, partitions: list[np.ndarray], k: int) -> list[np.ndarray]:
    """Return partitions of centred points by rising inertia; ties in lexicographic order."""
    between = between_clusters(points, np.array(partitions), k)
    explained = between / (points**2).sum()  # 1 less the share that is within clusters
    behind = explained.max() - explained
    behind[behind <= TOLERANCE] = 0

    def order(place: int) -> tuple[float, list[int]]:
        return behind[place], partitions[place].tolist()

    return [partitions[place] for place in sorted(range(len(behind)), key=order)]


def summarise(points: np.ndarray, partitions: list[np.ndarray]) -> Clusters:
    """Return the first of several partitions with its inertia and margins, the others as rivals."""
    best, *rivals = partitions
    return Clusters(
        labels=tuple(best.tolist()),
        inertia=inertia(points, best),
        margins=tuple(margins(points, best).tolist()),
        rivals=tuple(tuple(rival.tolist()) for rival in rivals),
    )


def margins(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return each point's distance to its cluster's nearest boundary, 0 where there is none."""
    centroids = centroids_of(points, labels)
    if len(centroids) == 1:
        return np.zeros(len(points))

    squared = squared_distances(points, centroids)
    to_own = np.take_along_axis(squared, labels[:, None], 1)
    apart = np.linalg.norm(centroids[:, None] - centroids[None], axis=2)
    np.fill_diagonal(apart, np.nan)  # no boundary to the cluster itself
    distances = (squared - to_own) / (2 * apart[labels])
    return np.asarray(np.nanmin(distances, axis=1))
