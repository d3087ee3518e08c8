"""How close two models' singular values are, which permutations and rotations leave alone."""

import math
from typing import TYPE_CHECKING

import numpy as np

from registry.lineage.layer_table import LayerTable
from registry.lineage.matrix_columns import SPECTRUM_RANK, MatrixColumns
from registry.numerics.assignment import best_assignment

if TYPE_CHECKING:
    from registry.lineage.features import ModelFeatures

LEAST = 1e-9  # a distance that is nothing but rounding


def spectral_distance(a: "ModelFeatures", b: "ModelFeatures") -> float:
    """Return the distance of two models' spectra, in units of the random-matrix scale.

    The unit is n^(-2/3), by which the largest singular values of random n x n matrices vary (Tracy
    and Widom, 1994): independent runs of one recipe are 1 or more apart, whatever their size, and a
    copy in other axes, which differs by rounding, 0.1 or less. Layers are matched by assignment;
    the distance is the median over matched layers.
    """
    common = sorted(a.spectra.keys() & b.spectra.keys())
    if not common:
        return math.inf

    ones = np.stack([a.spectra[spot] for spot in common])
    others = np.stack([b.spectra[spot] for spot in common])
    costs = mean_without_nan(layer_distances(ones, others), axis=0)
    costs[np.isnan(costs)] = 1 / LEAST

    rows, columns = best_assignment(-costs)
    matched = costs[rows, columns]
    return float(max(LEAST, np.median(matched)))


def closeness(distance: float) -> float:
    """Return -log10 of a spectral distance, the scale of calibration.toml: larger is closer."""
    return float(-np.log10(distance))


def log_spectra(table: LayerTable) -> dict[int, np.ndarray]:
    """Return for every spot layers x (1 + 16): the random-matrix scale and log spectra.

    NaN for what is missing: the matrix, or values of one that has fewer.
    """
    rows = scaled_logs(table.matrices)
    tables = {}
    for places in table.by_spot:
        of_spot = np.full((len(table), 1 + SPECTRUM_RANK), np.nan)
        of_spot[table.layers[places]] = rows[places]
        tables[int(table.spots[places[0]])] = of_spot
    return tables


def scaled_logs(matrices: MatrixColumns) -> np.ndarray:
    """Return n x (1 + 16) of n matrices: n^(-2/3), and log(sigma_i / rms of the positive sigma).

    NaN where a matrix has fewer than two positive values.
    """
    values = matrices.singular_values
    positive = values > 0
    has_several = positive.sum(1) > 1
    used = positive & has_several[:, None]
    values = np.where(used, values, np.nan)

    logs = np.log(values)
    mean_square = mean_without_nan(values**2, axis=1)
    mean_square[mean_square == 0] = np.nan  # squares of very small values underflow
    log_rms = 0.5 * np.log(mean_square)
    sizes = np.minimum(matrices.rows, matrices.cols)
    scale = np.where(has_several, sizes ** (-2 / 3), np.nan)
    return np.column_stack([scale, logs - log_rms[:, None]])


def layer_distances(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return rms differences of log spectra, in the larger scale: spots x layers x layers.

    Args:
        ones, others: Spots x layers x (1 + 16).
    """
    one = ones[:, :, None]
    other = others[:, None]
    differences = one[..., 1:] - other[..., 1:]
    if np.isnan(ones).any() or np.isnan(others).any():
        mean_square = mean_without_nan(differences**2, axis=-1)
    else:
        squares = np.einsum("...k,...k->...", differences, differences)
        mean_square = squares / SPECTRUM_RANK
    scale = np.maximum(one[..., 0], other[..., 0])
    distances: np.ndarray = np.sqrt(mean_square) / scale
    return distances


def mean_without_nan(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the mean over an axis of the values that are not NaN; NaN where all of them are.

    As numpy.nanmean, without its warning.
    """
    known = ~np.isnan(values)
    total = np.where(known, values, 0).sum(axis)
    count = known.sum(axis)
    mean: np.ndarray = np.where(count > 0, total / np.maximum(1, count), np.nan)
    return mean
