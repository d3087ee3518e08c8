"""How alike the singular values of two models are: no permutation, rotation or new vocabulary touches them."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from registry.fingerprints.record import Matrix
from registry.lineage.features import Spot, Traits
from registry.numerics.unit_vectors import padded

RANK = 16  # singular values of each matrix that are compared
LEAST = 1e-9  # a distance that is nothing but rounding


def closeness(a: Traits, b: Traits) -> float:
    """-log10 of how far spectra are apart, in units of what chance alone moves them; layers are matched by assignment.

    The unit is n^(-2/3), to which the largest singular values of random n x n matrices spread (Tracy and Widom): twins
    come to 0 or less, whatever their size, and a copy in other axes, which differs by rounding, to 1 or more. Without
    matrices in common it is -inf.
    """
    ones, others = spectra(a), spectra(b)
    tables = [apart(ones[spot], others[spot]) for spot in sorted(ones.keys() & others.keys())]
    if not tables:
        return -np.inf
    stack = np.array(tables)
    known = ~np.isnan(stack)
    total = np.where(known, stack, 0).sum(0) / np.maximum(1, known.sum(0))
    table = np.where(known.any(0), total, 1 / LEAST)
    rows, columns = linear_sum_assignment(table)
    return float(-np.log10(max(LEAST, np.median(table[rows, columns]))))


def spectra(own: Traits) -> dict[Spot, np.ndarray]:
    """Of every spot, layers x (1 + RANK): the unit of chance, and logs of the largest singular values over their rms.

    NaN for what is missing: the matrix, or values of one that has fewer.
    """
    spots = [
        (spot, i, matrix) for i, layer in enumerate(own.layers) for spot, matrix in layer.items()
    ]
    rows = scaled([matrix for _, _, matrix in spots])
    found = {spot: np.full((len(own.layers), 1 + RANK), np.nan) for spot, _, _ in spots}
    for (spot, i, _), row in zip(spots, rows, strict=True):
        found[spot][i] = row
    return found


def scaled(matrices: Sequence[Matrix]) -> np.ndarray:
    """One row of `spectra` a matrix."""
    values = padded([matrix.singular_values for matrix in matrices], RANK, missing=np.nan)
    positive = values > 0
    several = positive & (positive.sum(1, keepdims=True) > 1)
    squares = np.where(several, values, 0) ** 2
    mean = squares.sum(1, keepdims=True) / np.maximum(1, several.sum(1, keepdims=True))
    logs = np.log(np.where(several, values, np.nan)) - 0.5 * np.log(
        np.where(mean > 0, mean, np.nan)
    )
    sizes = np.array([min(matrix.rows, matrix.cols) for matrix in matrices], float)
    return np.column_stack([np.where(several.any(1), sizes ** (-2 / 3), np.nan), logs])


def apart(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distances between the spectra of one spot in all layers of two models, in units of chance: layers x layers."""
    one, other = ones[:, None], others[None]
    square = (one[..., 1:] - other[..., 1:]) ** 2
    known = ~np.isnan(square)
    mean = np.where(known, square, 0).sum(-1) / np.maximum(1, known.sum(-1))
    return np.where(known.any(-1), np.sqrt(mean) / np.maximum(one[..., 0], other[..., 0]), np.nan)
