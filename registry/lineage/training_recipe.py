"""How models were trained, across sizes: the shape of each projection's singular values."""

import numpy as np

from registry.architectures.roles import PROJECTIONS
from registry.lineage.matrix_columns import MatrixColumns

VALUES = 8  # singular values of each matrix
APART = 100.0  # of recipes that do not have the same projections


def recipe_profile(matrices: MatrixColumns) -> np.ndarray:
    """Return 7 x 8: mean over layers of log(sigma_i / (std sqrt(longer side))) of each projection.

    NaN where a projection is missing. A random matrix of any size comes to about the same numbers;
    what training adds does not depend on size much.
    """
    values = matrices.singular_values[:, :VALUES]
    scale = matrices.std * np.maximum(matrices.rows, matrices.cols) ** 0.5
    whole = (values > 0).all(1) & (matrices.std > 0)
    logs = np.log(values[whole] / scale[whole, None])
    profile = np.full((len(PROJECTIONS), VALUES), np.nan)
    for code, row in enumerate(profile):
        of_projection = matrices.projections[whole] == code
        if of_projection.any():
            row[:] = logs[of_projection].mean(0)
    return profile


def recipe_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the rms difference of two profiles; APART for other projections, or none."""
    if (np.isnan(one) != np.isnan(other)).any() or np.isnan(one).all():
        return APART
    return float(np.sqrt(np.nanmean((one - other) ** 2)))
