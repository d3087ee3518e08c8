"""How close two models' singular values are, which permutations and rotations leave alone."""

import math
from collections.abc import Sequence

import numpy as np

from registry.lineage.features import SPECTRUM_RANK, ComparedMatrix, ModelFeatures, Spot
from registry.numerics.assignment import best_assignment
from registry.numerics.unit_vectors import padded

LEAST = 1e-9  # a distance that is nothing but rounding


def spectral_distance(a: ModelFeatures, b: ModelFeatures) -> float:
    """Return the distance of two models' spectra, in units of the random-matrix scale.

    The unit is n^(-2/3), by which the largest singular values of random n x n matrices vary (Tracy
    and Widom, 1994): independent runs of one recipe are 1 or more apart, whatever their size, and a
    copy in other axes, which differs by rounding, 0.1 or less. Layers are matched by assignment;
    the distance is the median over matched layers.
    """
    spectra_a = log_spectra(a)
    spectra_b = log_spectra(b)
    common = sorted(spectra_a.keys() & spectra_b.keys())
    if not common:
        return math.inf

    tables = []
    for spot in common:
        table = layer_distances(spectra_a[spot], spectra_b[spot])
        tables.append(table)
    costs = mean_without_nan(np.array(tables), axis=0)
    costs[np.isnan(costs)] = 1 / LEAST

    rows, columns = best_assignment(-costs)
    matched = costs[rows, columns]
    return float(max(LEAST, np.median(matched)))


def closeness(distance: float) -> float:
    """Return -log10 of a spectral distance, the scale of calibration.toml: larger is closer."""
    return float(-np.log10(distance))


def log_spectra(features: ModelFeatures) -> dict[Spot, np.ndarray]:
    """Return for every spot layers x (1 + 16): the random-matrix scale and log spectra.

    NaN for what is missing: the matrix, or values of one that has fewer.
    """
    matrices: list[ComparedMatrix] = []
    for layer in features.layers:
        matrices.extend(layer.values())
    rows = iter(scaled_logs(matrices))

    tables: dict[Spot, np.ndarray] = {}
    shape = (len(features.layers), 1 + SPECTRUM_RANK)
    for number, layer in enumerate(features.layers):
        for spot in layer:
            if spot not in tables:
                tables[spot] = np.full(shape, np.nan)
            tables[spot][number] = next(rows)
    return tables


def scaled_logs(matrices: Sequence[ComparedMatrix]) -> np.ndarray:
    """Return n x (1 + 16) of n matrices: n^(-2/3), and log(sigma_i / rms of the positive sigma).

    NaN where a matrix has fewer than two positive values.
    """
    spectra = []
    sizes = np.zeros(len(matrices))
    for number, matrix in enumerate(matrices):
        spectra.append(matrix.singular_values)
        sizes[number] = min(matrix.rows, matrix.cols)

    values = padded(spectra, SPECTRUM_RANK, missing=np.nan)
    positive = values > 0
    has_several = positive.sum(1) > 1
    used = positive & has_several[:, None]
    values = np.where(used, values, np.nan)

    logs = np.log(values)
    mean_square = mean_without_nan(values**2, axis=1)
    mean_square[mean_square == 0] = np.nan  # squares of very small values underflow
    log_rms = 0.5 * np.log(mean_square)
    scale = np.where(has_several, sizes ** (-2 / 3), np.nan)
    return np.column_stack([scale, logs - log_rms[:, None]])


def layer_distances(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return layers x layers rms differences of a spot's log spectra, in the larger scale."""
    one = ones[:, None]
    other = others[None]
    differences = one[..., 1:] - other[..., 1:]
    mean_square = mean_without_nan(differences**2, axis=-1)
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
