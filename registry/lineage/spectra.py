"""How alike the singular values of two models are: no permutation, rotation or new vocabulary touches them."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from registry.fingerprints import Matrix
from registry.lineage.traits import Traits

RANK = 16  # singular values of each matrix that are compared
LEAST = 1e-9  # a distance that is nothing but rounding


def closeness(a: Traits, b: Traits) -> float:
    """-log10 of how far spectra are apart, in units of what chance alone moves them; layers are matched by assignment.

    The unit is n^(-2/3), to which the largest singular values of random n x n matrices spread (Tracy and Widom): twins
    come to 0 or less, whatever their size, and a copy in other axes, which differs by rounding, to 1 or more. Without
    matrices in common it is -inf.
    """
    spots = sorted({spot for layer in a.layers for spot in layer} & {spot for layer in b.layers for spot in layer})
    ones, others = ({spot: [spectrum(layer.get(spot)) for layer in own.layers] for spot in spots} for own in (a, b))
    tables = [apart(ones[spot], others[spot]) for spot in spots]
    if not tables:
        return -np.inf
    stack = np.array(tables)
    known = ~np.isnan(stack)
    total = np.where(known, stack, 0).sum(0) / np.maximum(1, known.sum(0))
    table = np.where(known.any(0), total, 1 / LEAST)
    rows, columns = linear_sum_assignment(table)
    return float(-np.log10(max(LEAST, np.median(table[rows, columns]))))


def spectrum(matrix: Matrix | None) -> np.ndarray:
    """1 + RANK numbers: the unit of chance, and the logs of the largest singular values over their root mean square.

    NaN for what is missing: the matrix, or values of one that has fewer.
    """
    found = np.full(1 + RANK, np.nan)
    values = np.array([v for v in matrix.singular_values[:RANK] if v > 0]) if matrix else np.zeros(0)
    if matrix and len(values) > 1:
        found[0] = min(matrix.rows, matrix.cols) ** (-2 / 3)
        found[1 : 1 + len(values)] = np.log(values) - 0.5 * np.log(np.mean(values**2))
    return found


def apart(ones: list[np.ndarray], others: list[np.ndarray]) -> np.ndarray:
    """Distances between the spectra of one spot in all layers of two models, in units of chance: layers x layers."""
    one, other = np.array(ones)[:, None], np.array(others)[None]
    square = (one[..., 1:] - other[..., 1:]) ** 2
    known = ~np.isnan(square)
    mean = np.where(known, square, 0).sum(-1) / np.maximum(1, known.sum(-1))
    return np.where(known.any(-1), np.sqrt(mean) / np.maximum(one[..., 0], other[..., 0]), np.nan)
