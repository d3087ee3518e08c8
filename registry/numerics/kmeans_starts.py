"""Partitions that K-Means starts from, taken from the points instead of a seed."""

import numpy as np

AXES = 4  # for each threshold: for k = 2 four miss no optimum of random starts, for k = 3 eight
NOISE = 1e-10  # relative: axes of less variance hold nothing but the spectra's errors of 1e-5
MOST_PLACES = 128  # along an axis, where a start may cut


def starts(points: np.ndarray, k: int) -> np.ndarray:
    """Return a partition for each of the main principal axes of n x d centred points: starts x n.

    Labels are 0 to k - 1. Each start cuts its axis at the k - 1 thresholds that leave the least
    inertia in all dimensions.
    """
    coordinates = along_main_axes(points, AXES * (k - 1))
    labels = np.empty(coordinates.T.shape, int)
    for row, axis in zip(labels, coordinates.T, strict=True):
        order = np.argsort(axis, kind="stable")
        row[order] = np.repeat(np.arange(k), run_lengths(coordinates[order], k))
    return labels


def along_main_axes(points: np.ndarray, most: int) -> np.ndarray:
    """Return n x d centred points along at most so many principal axes, by falling variance.

    Axes of nothing but noise are left out. scikit-learn's PCA gives the same axes up to their
    signs, but takes most of a second to import.
    """
    variances, axes = np.linalg.eigh(points.T @ points)  # rising
    above_noise = variances > NOISE * variances[-1]
    main_axes = axes[:, above_noise][:, ::-1][:, :most]
    coordinates: np.ndarray = points @ main_axes
    return coordinates


def run_lengths(ordered: np.ndarray, k: int) -> np.ndarray:
    """Return the lengths of the k runs of least inertia in a sequence of n x d points.

    The inertia is least where the sum of |run total|^2 / length is largest. Of long sequences only
    MOST_PLACES places are tried, evenly spread: a start need not be exact.
    """
    n = len(ordered)
    places = np.linspace(0, n, min(n, MOST_PLACES) + 1).round().astype(int)
    gains = run_gains(ordered, places)

    # The best sum of gains of the runs so far, up to each place, and where the last run begins.
    best = gains[0]
    begins = []
    for _ in range(k - 1):
        sums = best[:, None] + gains
        best = sums.max(0)
        begins.append(sums.argmax(0))

    cuts = [len(places) - 1]
    for begin in reversed(begins):
        cuts.append(begin[cuts[-1]])
    cuts.append(0)
    return np.diff(places[cuts[::-1]])


def run_gains(ordered: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return |total|^2 / length of the run between any two places, -inf where it is empty."""
    totals = np.zeros((len(places), ordered.shape[1]))  # of all points before each place
    np.add.reduceat(ordered, places[:-1]).cumsum(0, out=totals[1:])
    products = totals @ totals.T
    norms = products.diagonal()
    squares = norms + norms[:, None] - 2 * products

    lengths = places - places[:, None]
    per_point = squares / np.where(lengths > 0, lengths, 1)
    return np.where(lengths > 0, per_point, -np.inf)
