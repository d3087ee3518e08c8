"""Models whose weights tell nothing of descent: starts that everybody makes alike.

An orthogonal or identity-like start has singular values that are all equal, in every model alike.
Nothing that training leaves is so flat: not even random matrices are, whose largest singular values
spread as the Airy function's zeros do (Tracy and Widom, 1994). What grew from the identity has its
axes, as every other such model has: most of its entries are near zero, a few near one.
"""

import numpy as np

from registry.lineage.matrix_columns import MatrixColumns

VALUE = 8  # which singular value is put beside the largest
FLAT = 0.5  # of the spread that a random matrix of this size has
FIRST_POINT, LATER_POINT = 1.2, 11.0  # of the Airy process: the means of its 1st and 8th point
SPARSE = 0.5  # kurtosis of an identity-like matrix, in units of its shorter side; it begins at 1
HALF = 0.5


def grew_from_identity(matrices: MatrixColumns) -> bool:
    """Return whether at least half of a model's matrices are as sparse as the identity."""
    shorter = np.minimum(matrices.rows, matrices.cols)
    known = ~np.isnan(matrices.kurtosis)
    sparse = matrices.kurtosis[known] > SPARSE * shorter[known]
    return len(sparse) > 0 and float(sparse.mean()) >= HALF


def is_degenerate(matrices: MatrixColumns) -> bool:
    """Return whether at least half of a model's matrices are flatter than random ones."""
    flat = are_flat(matrices)[matrices.spectrum_sizes >= VALUE]
    return len(flat) > 0 and float(flat.mean()) >= HALF


def are_flat(matrices: MatrixColumns) -> np.ndarray:
    """Return which matrices' eight largest singular values are more alike than random ones.

    One with fewer is not called flat.
    """
    largest = matrices.singular_values[:, 0]
    later = matrices.singular_values[:, VALUE - 1]
    spread = FLAT * random_spreads(matrices.rows, matrices.cols)
    with np.errstate(invalid="ignore", divide="ignore"):
        alike = 1 - later / largest < spread
    flat: np.ndarray = ~np.isnan(later) & ((largest <= 0) | alike)
    return flat


def random_spreads(rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """Return 1 - sigma_8 / sigma_1 of matrices of random normal numbers, in the mean."""
    one, other = np.sqrt(rows), np.sqrt(cols)
    centre = (one + other) ** 2
    scale = (one + other) * (1 / one + 1 / other) ** (1 / 3)
    first = centre - FIRST_POINT * scale
    later = np.maximum(0.0, centre - LATER_POINT * scale)
    spreads: np.ndarray = 1 - np.sqrt(later / first)
    return spreads
