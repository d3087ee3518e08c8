"""Which labels of K-Means are certain, when every point is known only up to a bound on its error."""

import math
from itertools import permutations

import numpy as np

from registry.numerics.kmeans import Clusters, inertia

EPSILON = float(np.finfo(np.float64).eps)


def unit_errors(
    values: list[tuple[float, ...]], bounds: list[tuple[float, ...]], rank: int
) -> np.ndarray:
    """How far the unit vector of each spectrum, cut to `rank`, may be from the true one: n euclidean distances.

    values: singular values, v >= 0. bounds: of the absolute error of each, so that the true spectrum is v + e >= 0 with
    |e| <= s |v|. For s < 1 the angle between v and v + e is at most arcsin s, which v + e perpendicular to e attains,
    and the chord of that angle is s sqrt(2 / (1 + sqrt(1 - s^2))). From s = 1 on it is sqrt(2): vectors without
    negative entries are at most at right angles, and a zero vector, whose unit vector is zero, is nearer.
    """
    lengths, errors = (
        np.array([math.hypot(*row[:rank]) for row in rows]) for rows in (values, bounds)
    )
    share = np.divide(errors, lengths, out=(errors > 0).astype(float), where=lengths > 0).clip(
        max=1.0
    )
    chords: np.ndarray = share * np.sqrt(2 / (1 + np.sqrt(1 - share**2)))
    return chords


def undetermined(points: np.ndarray, errors: np.ndarray, clusters: Clusters) -> tuple[int, ...]:
    """Indices of the points whose label could be another one for some true points within `errors` of the given ones.

    points: n x d. errors: n euclidean distances. All other labels are certain in this sense: for any true points,
    Lloyd's iteration from these labels never changes them, and every rival partition that differs in them has a larger
    inertia; moving the point alone never lowers the inertia. Optima that no start led to are not covered, nor points
    that coincide, which leave fewer clusters than were asked for.
    """
    labels = np.array(clusters.labels)
    errors = errors + EPSILON * sum(points.shape) * np.abs(points).max(
        initial=0.0
    )  # of the sums below
    doubtful = exchangeable(points, errors, labels)
    for rival in clusters.rivals:
        doubtful |= contested(points, errors, labels, np.array(rival))
    while True:
        grown = doubtful | movable(points, errors, labels, doubtful)
        if (grown == doubtful).all():
            return tuple(np.flatnonzero(doubtful).tolist())
        doubtful = grown


def contested(
    points: np.ndarray, errors: np.ndarray, labels: np.ndarray, rival: np.ndarray
) -> np.ndarray:
    """Where a rival partition has other labels, if it may have the lower inertia; nowhere if it cannot.

    The inertia of a partition is sum |x|^2 - sum |p(x)|^2 with p(x) the centroid of x's cluster, P X for an orthogonal
    projection P. With errors E, |E_i| <= r_i, and the rival's Q the gap changes by
    tr (X+E)'(P-Q)(X+E) - tr X'(P-Q)X = 2 tr E'(P-Q)X + tr E'(P-Q)E, at most 2 sum r_i |p_i - q_i| + sum r_i^2.
    """
    apart = np.linalg.norm(own_centroids(points, labels) - own_centroids(points, rival), axis=1)
    gap = inertia(points, rival) - inertia(points, labels)
    if gap > 2 * errors @ apart + errors @ errors:
        return np.zeros(len(points), dtype=bool)
    return different(labels, rival)


def exchangeable(points: np.ndarray, errors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Points that Hartigan's exchange could move: the partition with that one point moved is a rival, as above.

    Moving x from a, of m points, to b, of l, takes the centroids |x-a| / (m-1) and |x-b| / (l+1) along, and adds
    l |x-b|^2 / (l+1) - m |x-a|^2 / (m-1) to the inertia.
    """
    centroids, sizes = own_centroids(points, labels), np.bincount(labels)
    totals = np.bincount(labels, errors)
    moved = np.zeros(len(points), dtype=bool)
    for a, b in permutations(range(len(sizes)), 2):
        if sizes[a] > 1:
            from_a, from_b = (
                np.linalg.norm(points - centroids[labels == c][0], axis=1) for c in (a, b)
            )
            left, joined = from_a / (sizes[a] - 1), from_b / (sizes[b] + 1)
            gap = sizes[b] * joined * from_b - sizes[a] * left * from_a
            apart = np.linalg.norm(centroids[labels == a][0] - centroids[labels == b][0])
            turned = totals[a] * left + totals[b] * joined + errors * (apart + joined)
            moved |= (labels == a) & (gap <= 2 * turned + errors @ errors)
    return moved


def own_centroids(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """For each of n x d points the centroid of its cluster."""
    own: np.ndarray = np.array([points[labels == c].mean(0) for c in range(labels.max() + 1)])[
        labels
    ]
    return own


def different(labels: np.ndarray, rival: np.ndarray) -> np.ndarray:
    """Where two partitions differ, their clusters paired so that they differ least."""
    k = 1 + max(labels.max(), rival.max())
    differing = (labels != np.array(names)[rival] for names in permutations(range(k)))
    least: np.ndarray = min(differing, key=np.count_nonzero)
    return least


def movable(
    points: np.ndarray, errors: np.ndarray, labels: np.ndarray, doubtful: np.ndarray
) -> np.ndarray:
    """Points that one step of Lloyd could move, when the doubtful ones may be in any cluster.

    A point x of cluster a, true place x + p, stays if it is nearer to the true centroid a + u than to any other b + v:
    |x+p-b-v|^2 - |x+p-a-u|^2 = |x-b|^2 - |x-a|^2 - 2 p.(b-a) - 2 (x-b).v + 2 (x-a).u + |v|^2 - |u|^2 - 2 p.(v-u) > 0.
    With |p| <= r that holds for certain where half of |x-b|^2 - |x-a|^2, the margin times |b-a|, is more than
    r |b-a| + (x-b).v - (x-a).u + r (|u| + |v|) + |u|^2 / 2, each at its largest; |v|^2 only helps.
    """
    k = labels.max() + 1
    away = [points - points[labels == c].mean(0) for c in range(k)]
    pushes, shifts = zip(
        *(shift(away[c], errors, labels == c, doubtful) for c in range(k)), strict=True
    )
    moved = np.zeros(len(points), dtype=bool)
    for a, b in permutations(range(k), 2):
        gap = ((away[b] ** 2).sum(1) - (away[a] ** 2).sum(1)) / 2
        apart = np.linalg.norm(away[b][0] - away[a][0])
        need = errors * (apart + shifts[a] + shifts[b]) + pushes[a] + pushes[b] + shifts[a] ** 2 / 2
        moved |= (labels == a) & (gap <= need)
    return moved


def shift(
    away: np.ndarray, errors: np.ndarray, member: np.ndarray, doubtful: np.ndarray
) -> tuple[np.ndarray, float]:
    """What the shift u of one centroid can do: for each point the largest -away.u (its members) or away.u; largest |u|.

    away: n x d, from the centroid to each point. The true centroid is the mean of the true places of the members that
    are not doubtful and any of the doubtful points, so that its shift is the mean of the errors of all these, plus
    away_i / m for each doubtful point i that comes in and less away_i / m for each that leaves, m their number.
    """
    least = max(1, int((member & ~doubtful).sum()))
    error = errors[member | doubtful].sum() / least
    lengths = np.linalg.norm(away, axis=1)
    sides = np.where(member, 1.0, -1.0)
    turns = np.outer(sides, sides[doubtful]) * (
        away @ away[doubtful].T
    )  # positive: it brings the boundary nearer
    return lengths * error + turns.clip(min=0).sum(1) / least, error + float(
        lengths[doubtful].sum()
    ) / least
