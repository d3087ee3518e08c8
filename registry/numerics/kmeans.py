"""K-Means whose answer does not depend on a seed.

sklearn's default start gives other labels on other runs (several local optima lie close together). Here every start
comes from the data: the best thresholds along each principal axis. Lloyd's iteration refines all starts together,
Hartigan's exchanges improve each further, and the lowest inertia wins; ties go to the first in lexicographic order.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

AXES = 4  # for each threshold: four misses no optimum that random starts find for k = 2, eight none for k = 3
NOISE = 1e-10  # relative: axes of less variance hold nothing but the errors of the spectra, 1e-5
PLACES = (
    128  # places along an axis where a start may cut; all of them where there are no more points
)
ITERATIONS = (
    300  # of Lloyd, which settles long before unless centroids differ by no more than rounding
)
TOLERANCE = 1e-12  # relative: smaller gains in inertia are rounding, and would let labels hang on the machine


@dataclass(frozen=True)
class Clusters:
    """labels: n integers, the first point in cluster 0. inertia: sum of squared distances to the own centroid.

    margins: n distances from each point to the boundary between its own and the nearest other cluster, the centroids
    held still; 0 where nothing separates the clusters.
    rivals: labels of the other local optima that were found, at most one for each start.
    """

    labels: tuple[int, ...]
    inertia: float
    margins: tuple[float, ...]
    rivals: tuple[tuple[int, ...], ...] = ()


def cluster(points: np.ndarray, k: int) -> Clusters:
    """Split n x d points into at most k = 2 or 3 clusters (paper 2509.19122, 3.1); all 0 where the points coincide."""
    places = coinciding(points, k)
    if len(np.unique(places)) < k:
        return summarise(points, [places])
    centred = points - points.mean(0)
    settled = distinct(lloyd(centred, starts(centred, k), k))
    return summarise(
        points, ranked(centred, distinct(exchange(centred, labels, k) for labels in settled), k)
    )


def coinciding(points: np.ndarray, k: int) -> np.ndarray:
    """Each point's place, numbered in order of first appearance; from the k-th on all count as one."""
    rounded = points.round(12)
    labels = np.full(len(points), k - 1)
    for place in range(k - 1):
        rest = np.flatnonzero(labels == k - 1)
        if len(rest):
            labels[(rounded == rounded[rest[0]]).all(1)] = place
    return labels


def starts(points: np.ndarray, k: int) -> np.ndarray:
    """For each of the main principal axes the k - 1 thresholds along it that leave the least inertia within them all.

    points: n x d, centred. Gives labels, starts x n.
    """
    variances, axes = np.linalg.eigh(points.T @ points)
    main = points @ axes[:, variances > NOISE * variances[-1]][:, : -AXES * (k - 1) - 1 : -1]
    orders = np.argsort(main.T, axis=1, kind="stable")
    labels = np.empty_like(orders)
    for row, order in zip(labels, orders, strict=True):
        row[order] = np.repeat(np.arange(k), run_lengths(main[order], k))
    return labels


def run_lengths(ordered: np.ndarray, k: int) -> np.ndarray:
    """Lengths of the k runs of least inertia, i.e. of largest sum of |run total|^2 / length, in a sequence of points.

    Of long sequences only PLACES places are tried, evenly spread: a start need not be exact.
    """
    n = len(ordered)
    places = np.linspace(0, n, min(n, PLACES) + 1).round().astype(int)
    totals = np.zeros((len(places), ordered.shape[1]))
    np.add.reduceat(ordered, places[:-1]).cumsum(0, out=totals[1:])
    square = totals @ totals.T
    norms = square.diagonal()
    lengths = places - places[:, None]
    per_point = (norms + norms[:, None] - 2 * square) / np.where(lengths > 0, lengths, 1)
    gains = np.where(lengths > 0, per_point, -np.inf)  # of a run from one place to another

    best, last = (
        gains[0],
        [],
    )  # of the runs so far, up to each place, and where the last of them begins
    for _ in range(k - 1):
        sums = best[:, None] + gains
        best = sums.max(0)
        last.append(sums.argmax(0))
    cuts = [len(places) - 1]
    for begin in reversed(last):
        cuts.append(begin[cuts[-1]])
    return np.diff(places[[0, *reversed(cuts)]])


def lloyd(points: np.ndarray, labels: np.ndarray, k: int) -> list[np.ndarray]:
    """Lloyd's iteration from several partitions at once, labels: starts x n, each until it settles."""
    settled: list[np.ndarray] = []
    for _ in range(ITERATIONS):
        sizes, centroids = means(points, labels, k)
        half = np.where(
            sizes > 0, (centroids**2).sum(2) / 2, np.inf
        )  # an empty cluster stays empty
        near = (centroids.reshape(-1, points.shape[1]) @ points.T).reshape(
            -1, k, len(points)
        ) - half[:, :, None]
        nearest = near.argmax(1)  # x.c - |c|^2/2 is largest where |x - c| is least
        moving = (nearest != labels).any(1)
        settled += list(labels[~moving])
        labels = nearest[moving]
        if not len(labels):
            break
    return [*settled, *labels]


def exchange(points: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Hartigan's exchanges: move the single point whose move lowers the inertia most, until none does.

    points: n x d, centred. Where moving all points at once whose moves pay lowers it more, all are moved.
    """
    rows, norms = np.arange(len(points)), (points**2).sum(1)
    choices = labels[None]
    while True:
        every_size, every_centroid = means(points, choices, k)
        lowest = int((every_size * (every_centroid**2).sum(2)).sum(1).argmax())
        labels, sizes, centroids = choices[lowest], every_size[lowest], every_centroid[lowest]
        squared = norms[:, None] - 2 * (points @ centroids.T) + (centroids**2).sum(1)
        leave = squared[rows, labels] * (sizes / np.maximum(sizes - 1, 1))[labels]
        enter = squared * (sizes / (sizes + 1))
        enter[rows, labels] = np.inf
        gains = np.where(sizes[labels] > 1, leave - enter.min(1), -np.inf)
        pays = gains > TOLERANCE * norms.sum()
        if not pays.any():
            return labels
        best = pays & (rows == gains.argmax())
        choices = np.where([best, pays], enter.argmin(1), labels)


def means(points: np.ndarray, labels: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Sizes, p x k, and centroids, p x k x d, of the clusters of p partitions, labels: p x n; 0 for an empty one."""
    own = (labels[:, None] == np.arange(k)[:, None]).astype(float)
    sizes = own.sum(2)
    sums = (own.reshape(-1, len(points)) @ points).reshape(-1, k, points.shape[1])
    return sizes, sums / np.maximum(sizes, 1)[:, :, None]


def distinct(partitions: Iterable[np.ndarray]) -> list[np.ndarray]:
    """Every partition once, its clusters numbered in order of first appearance."""
    numbered = (canonical(labels) for labels in partitions)
    return list({labels.tobytes(): labels for labels in numbered}.values())


def canonical(labels: np.ndarray) -> np.ndarray:
    """Clusters renumbered in order of first appearance."""
    _, first, place = np.unique(labels, return_index=True, return_inverse=True)
    numbered: np.ndarray = first.argsort().argsort()[place]
    return numbered


def ranked(points: np.ndarray, partitions: list[np.ndarray], k: int) -> list[np.ndarray]:
    """Partitions of n x d centred points by rising inertia; ties in lexicographic order."""
    sizes, centroids = means(points, np.array(partitions), k)
    between = (sizes * (centroids**2).sum(2)).sum(1) / (
        points**2
    ).sum()  # 1 less the share that is within clusters
    behind = between.max() - between
    behind[behind <= TOLERANCE] = 0
    return [
        partitions[p]
        for p in sorted(range(len(behind)), key=lambda p: (behind[p], partitions[p].tolist()))
    ]


def inertia(points: np.ndarray, labels: np.ndarray) -> float:
    """Sum of squared distances to the own centroid."""
    return float(
        sum(
            ((points[labels == c] - points[labels == c].mean(0)) ** 2).sum()
            for c in np.unique(labels)
        )
    )


def squared_distances(points: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """N x k squared euclidean distances."""
    return np.column_stack([((points - centroid) ** 2).sum(1) for centroid in centroids])


def summarise(points: np.ndarray, partitions: list[np.ndarray]) -> Clusters:
    """The first of several partitions with its inertia and margins; the others are its rivals."""
    labels, *rivals = partitions
    centroids = np.array([points[labels == c].mean(0) for c in range(labels.max() + 1)])
    margins = np.zeros(len(points))
    if len(centroids) > 1:
        squared = squared_distances(points, centroids)
        apart = np.linalg.norm(centroids[:, None] - centroids[None], axis=2)
        np.fill_diagonal(apart, np.nan)  # no boundary to the own cluster
        margins = np.nanmin(
            (squared - np.take_along_axis(squared, labels[:, None], 1)) / (2 * apart[labels]),
            axis=1,
        )
    return Clusters(
        labels=tuple(labels.tolist()),
        inertia=inertia(points, labels),
        margins=tuple(margins.tolist()),
        rivals=tuple(tuple(rival.tolist()) for rival in rivals),
    )
