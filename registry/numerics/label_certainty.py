"""Which labels of K-Means are certain when every point is known up to a bound on its error."""

import math
from collections.abc import Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np

from registry.numerics.kmeans import Clusters
from registry.numerics.partitions import centroids_of, inertia

EPSILON = float(np.finfo(np.float64).eps)


class Shift(NamedTuple):
    """What the shift u of one centroid can do.

    Attributes:
        pushes: For each of n points the largest -away.u (members) or away.u (others), with `away`
            from the centroid to the point.
        length: The largest |u|.
    """

    pushes: np.ndarray
    length: float


def unit_errors(
    values: Sequence[tuple[float, ...]], bounds: Sequence[tuple[float, ...]], rank: int
) -> np.ndarray:
    """Return how far each spectrum's unit vector may be from the true one: n Euclidean distances.

    Args:
        values: Singular values, v >= 0, of which the first `rank` count.
        bounds: Bounds of the absolute error of each.

    The true spectrum is v + e >= 0 with |e| <= s |v|. For s < 1 the angle between v and v + e is at
    most arcsin s, which v + e perpendicular to e attains, and the chord of that angle is
    s sqrt(2 / (1 + sqrt(1 - s^2))). From s = 1 on it is sqrt(2): vectors without negative entries
    are at most at right angles, and a zero vector, whose unit vector is zero, is nearer.
    """
    lengths = row_lengths(values, rank)
    errors = row_lengths(bounds, rank)
    of_zero_vectors = (errors > 0).astype(float)
    share = np.divide(errors, lengths, out=of_zero_vectors, where=lengths > 0).clip(max=1.0)
    chords: np.ndarray = share * np.sqrt(2 / (1 + np.sqrt(1 - share**2)))
    return chords


def row_lengths(rows: Sequence[tuple[float, ...]], rank: int) -> np.ndarray:
    """Return the Euclidean length of each row, cut to `rank` numbers."""
    return np.array([math.hypot(*row[:rank]) for row in rows])


def undetermined(points: np.ndarray, errors: np.ndarray, clusters: Clusters) -> tuple[int, ...]:
    """Return the indices of points whose label could be another one within the errors.

    Args:
        points: n x d.
        errors: n Euclidean distances that the true points are within.

    All other labels are certain in this sense: for any true points, Lloyd's iteration from these
    labels never changes them, and every rival partition that differs in them has a larger inertia;
    moving the point alone never lowers the inertia. Optima that no start led to are not covered,
    nor points that coincide, which leave fewer clusters than were asked for.
    """
    labels = np.array(clusters.labels)
    rounding = EPSILON * sum(points.shape) * np.abs(points).max(initial=0.0)  # of sums over points
    errors = errors + rounding
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
    """Return where a rival partition has other labels, if it may have the lower inertia.

    The inertia of a partition is sum |x|^2 - sum |p(x)|^2, with p(x) the centroid of x's cluster.
    The centroids are P X for an orthogonal projection P, those of the rival Q X. With errors E,
    |E_i| <= r_i, the gap changes by

        tr (X+E)'(P-Q)(X+E) - tr X'(P-Q)X = 2 tr E'(P-Q)X + tr E'(P-Q)E
                                         <= 2 sum r_i |p_i - q_i| + sum r_i^2.
    """
    centroids = centroids_of(points, labels)[labels]
    rival_centroids = centroids_of(points, rival)[rival]
    apart = np.linalg.norm(centroids - rival_centroids, axis=1)
    gap = inertia(points, rival) - inertia(points, labels)
    if gap > 2 * errors @ apart + errors @ errors:
        return np.zeros(len(points), dtype=bool)
    return different(labels, rival)


def exchangeable(points: np.ndarray, errors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return which points Hartigan's exchange could move.

    The partition with that one point moved is a rival, as in `contested`. Moving x from a, of m
    points, to b, of l, takes the centroids |x-a| / (m-1) and |x-b| / (l+1) along, and adds
    l |x-b|^2 / (l+1) - m |x-a|^2 / (m-1) to the inertia.
    """
    centroids = centroids_of(points, labels)
    sizes = np.bincount(labels)
    error_sums = np.bincount(labels, errors)
    distances = [np.linalg.norm(points - centroid, axis=1) for centroid in centroids]

    moved = np.zeros(len(points), dtype=bool)
    for a, b in permutations(range(len(sizes)), 2):
        if sizes[a] == 1:
            continue
        a_moves = distances[a] / (sizes[a] - 1)
        b_moves = distances[b] / (sizes[b] + 1)
        gap = sizes[b] * b_moves * distances[b] - sizes[a] * a_moves * distances[a]
        apart = np.linalg.norm(centroids[a] - centroids[b])
        change = error_sums[a] * a_moves + error_sums[b] * b_moves + errors * (apart + b_moves)
        moved |= (labels == a) & (gap <= 2 * change + errors @ errors)
    return moved


def different(labels: np.ndarray, rival: np.ndarray) -> np.ndarray:
    """Return where two partitions differ, their clusters paired so that they differ least."""
    k = 1 + max(labels.max(), rival.max())
    least = np.ones(len(labels), dtype=bool)
    for names in permutations(range(k)):
        differing: np.ndarray = labels != np.array(names)[rival]
        if np.count_nonzero(differing) < np.count_nonzero(least):
            least = differing
    return least


def movable(
    points: np.ndarray, errors: np.ndarray, labels: np.ndarray, doubtful: np.ndarray
) -> np.ndarray:
    """Return which points one step of Lloyd could move, if doubtful ones may be in any cluster.

    A point x of cluster a, true place x + p, stays if it is nearer to the true centroid a + u than
    to any other b + v, which is to say if this is positive:

        |x+p-b-v|^2 - |x+p-a-u|^2 = |x-b|^2 - |x-a|^2 - 2 p.(b-a) - 2 (x-b).v + 2 (x-a).u
                                    + |v|^2 - |u|^2 - 2 p.(v-u)

    With |p| <= r it is for certain where (|x-b|^2 - |x-a|^2) / 2, the margin times |b-a|, is more
    than

        r |b-a| + (x-b).v - (x-a).u + r (|u| + |v|) + |u|^2 / 2,

    each term at its largest; |v|^2 only helps.
    """
    away = [points - centroid for centroid in centroids_of(points, labels)]
    squares = [(vectors**2).sum(1) for vectors in away]
    shifts = [shift(away[c], errors, labels == c, doubtful) for c in range(len(away))]

    moved = np.zeros(len(points), dtype=bool)
    for a, b in permutations(range(len(away)), 2):
        gap = (squares[b] - squares[a]) / 2
        apart = np.linalg.norm(away[b][0] - away[a][0])
        reach = errors * (apart + shifts[a].length + shifts[b].length)
        need = reach + shifts[a].pushes + shifts[b].pushes + shifts[a].length ** 2 / 2
        moved |= (labels == a) & (gap <= need)
    return moved


def shift(away: np.ndarray, errors: np.ndarray, member: np.ndarray, doubtful: np.ndarray) -> Shift:
    """Return what the shift of one centroid can do to each point.

    Args:
        away: n x d, from the centroid to each point.

    The true centroid is the mean of the true places of the members that are not doubtful and any of
    the doubtful points. Its shift is thus the mean of the errors of all these, plus away_i / m for
    each doubtful point i that comes in and less away_i / m for each that leaves, m their number.
    """
    certain_members = int((member & ~doubtful).sum())
    fewest = max(1, certain_members)
    error = errors[member | doubtful].sum() / fewest
    lengths = np.linalg.norm(away, axis=1)

    # Where a product is positive, the doubtful point brings the boundary nearer.
    sides = np.where(member, 1.0, -1.0)
    products = away @ away[doubtful].T
    nearer = np.outer(sides, sides[doubtful]) * products
    pushes = lengths * error + nearer.clip(min=0).sum(1) / fewest
    return Shift(pushes, error + float(lengths[doubtful].sum()) / fewest)
