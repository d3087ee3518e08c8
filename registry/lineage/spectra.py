"""How alike the singular values of two models are: no permutation, rotation or new vocabulary touches them."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from registry.fingerprints import Matrix
from registry.lineage.traits import Spot, Traits

RANK = 16  # singular values of each matrix that are compared
FAR = 1e3  # between layers that have no matrices in common


def closeness(a: Traits, b: Traits) -> float:
    """-log10 of how far spectra are apart, in units of what chance alone moves them; layers are matched by assignment.

    The unit is n^(-2/3), to which the largest singular values of random n x n matrices spread (Tracy and Widom): twins
    come to 0 or less, whatever their size, and a copy in other axes, which differs by rounding, to 2 or more.
    """
    table = np.array([[apart(one, other) for other in b.layers] for one in a.layers])
    rows, columns = linear_sum_assignment(table)
    return float(-np.log10(max(1e-9, np.median(table[rows, columns]))))


def apart(one: dict[Spot, Matrix], other: dict[Spot, Matrix]) -> float:
    """Mean distance of two layers' spectra, each scaled alike."""
    own = [distance(one[spot], other[spot]) for spot in one if spot in other]
    return float(np.mean(own)) if own else FAR


def distance(one: Matrix, other: Matrix) -> float:
    """Root mean square of the differences of log singular values, in units of chance."""
    values = [np.array(m.singular_values[:RANK]) for m in (one, other)]
    count = min(sum(v > 0) for v in values)
    if count < 2:  # noqa: PLR2004  # one value has no shape
        return FAR
    logs = [np.log(v[:count]) - 0.5 * np.log(np.mean(v[:count] ** 2)) for v in values]
    unit = min(one.rows, one.cols, other.rows, other.cols) ** (-2 / 3)
    return float(np.sqrt(np.mean((logs[0] - logs[1]) ** 2)) / unit)
