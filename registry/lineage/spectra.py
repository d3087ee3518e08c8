"""How close two models' singular values are, which permutations and rotations leave alone."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from registry.lineage.features import SPECTRUM_RANK, ComparedMatrix, ModelFeatures, Spot
from registry.numerics.unit_vectors import padded

LEAST = 1e-9  # a distance that is nothing but rounding


def spectral_distance(a: ModelFeatures, b: ModelFeatures) -> float:
    """Return the distance of two models' spectra, in units of the random-matrix scale.

    The unit is n^(-2/3), by which the largest singular values of random n x n matrices vary
    (Tracy and Widom, 1994): independent runs of one recipe are 1 or more apart, whatever their
    size, and a copy in other axes, which differs by rounding, 0.1 or less. Layers are matched
    by assignment; the distance is the median over matched layers.
    """
    spectra_a = log_spectra(a)
    spectra_b = log_spectra(b)
    common = sorted(spectra_a.keys() & spectra_b.keys())
    if not common:
        return math.inf

    tables = np.array([layer_distances(spectra_a[spot], spectra_b[spot]) for spot in common])
    known = ~np.isnan(tables)
    mean = np.where(known, tables, 0).sum(0) / np.maximum(1, known.sum(0))
    costs = np.where(known.any(0), mean, 1 / LEAST)
    rows, columns = linear_sum_assignment(costs)
    return float(max(LEAST, np.median(costs[rows, columns])))


def closeness(distance: float) -> float:
    """Return -log10 of a spectral distance, the scale of calibration.toml: larger is closer."""
    return float(-np.log10(distance))


def log_spectra(features: ModelFeatures) -> dict[Spot, np.ndarray]:
    """Return for every spot layers x (1 + 16): the random-matrix scale and log spectra.

    NaN for what is missing: the matrix, or values of one that has fewer.
    """
    places = []
    matrices = []
    for layer, spots in enumerate(features.layers):
        for spot, matrix in spots.items():
            places.append((spot, layer))
            matrices.append(matrix)

    tables: dict[Spot, np.ndarray] = {}
    shape = (len(features.layers), 1 + SPECTRUM_RANK)
    for (spot, layer), row in zip(places, scaled_logs(matrices), strict=True):
        table = tables.setdefault(spot, np.full(shape, np.nan))
        table[layer] = row
    return tables


def scaled_logs(matrices: Sequence[ComparedMatrix]) -> np.ndarray:
    """Return n x (1 + 16) of n matrices: n^(-2/3), and log(sigma_i / rms of the positive sigma)."""
    spectra = [matrix.singular_values for matrix in matrices]
    values = padded(spectra, SPECTRUM_RANK, missing=np.nan)
    positive = values > 0
    several = positive & (positive.sum(1, keepdims=True) > 1)
    squares = np.where(several, values, 0) ** 2
    mean_square = squares.sum(1, keepdims=True) / np.maximum(1, several.sum(1, keepdims=True))

    logs = np.log(np.where(several, values, np.nan))
    log_rms = 0.5 * np.log(np.where(mean_square > 0, mean_square, np.nan))
    sizes = np.array([min(matrix.rows, matrix.cols) for matrix in matrices], float)
    scale = np.where(several.any(1), sizes ** (-2 / 3), np.nan)
    return np.column_stack([scale, logs - log_rms])


def layer_distances(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return layers x layers rms differences of a spot's log spectra, in the larger scale."""
    one = ones[:, None]
    other = others[None]
    squares = (one[..., 1:] - other[..., 1:]) ** 2
    known = ~np.isnan(squares)
    mean = np.where(known, squares, 0).sum(-1) / np.maximum(1, known.sum(-1))
    scale = np.maximum(one[..., 0], other[..., 0])
    return np.where(known.any(-1), np.sqrt(mean) / scale, np.nan)
