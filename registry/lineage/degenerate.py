"""Models whose weights tell nothing of descent: starts that everybody makes alike.

An orthogonal or identity-like start has singular values that are all equal, in every model alike.
Nothing that training leaves is so flat: not even random matrices are, whose largest singular values
spread as the Airy function's zeros do (Tracy and Widom, 1994). What grew from the identity has its
axes, as every other such model has: most of its entries are near zero, a few near one.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from registry.lineage.features import ComparedMatrix

VALUE = 8  # which singular value is put beside the largest
FLAT = 0.5  # of the spread that a random matrix of this size has
FIRST_POINT, LATER_POINT = 1.2, 11.0  # of the Airy process: the means of its 1st and 8th point
SPARSE = 0.5  # kurtosis of an identity-like matrix, in units of its shorter side; it begins at 1


def grew_from_identity(matrices: Sequence["ComparedMatrix"]) -> bool:
    """Return whether at least half of a model's matrices are as sparse as the identity."""
    sparse = [is_sparse(matrix) for matrix in matrices if matrix.kurtosis is not None]
    return bool(sparse) and float(np.mean(sparse)) >= 0.5  # noqa: PLR2004  # half


def is_sparse(matrix: "ComparedMatrix") -> bool:
    """Return whether the kurtosis of a matrix is about that of the identity."""
    return (matrix.kurtosis or 0.0) > SPARSE * min(matrix.rows, matrix.cols)


def is_degenerate(matrices: Sequence["ComparedMatrix"]) -> bool:
    """Return whether at least half of a model's matrices are flatter than random ones."""
    flat = [is_flat(matrix) for matrix in matrices if len(matrix.singular_values) >= VALUE]
    return bool(flat) and float(np.mean(flat)) >= 0.5  # noqa: PLR2004  # half


def is_flat(matrix: "ComparedMatrix") -> bool:
    """Return whether a matrix's eight largest singular values are more alike than random ones.

    False of one with fewer values, or none known.
    """
    if len(matrix.singular_values) < VALUE:
        return False
    largest, later = matrix.singular_values[0], matrix.singular_values[VALUE - 1]
    if largest <= 0:
        return True
    return 1 - later / largest < FLAT * random_spread(matrix.rows, matrix.cols)


@lru_cache(1024)
def random_spread(rows: int, cols: int) -> float:
    """Return 1 - sigma_8 / sigma_1 of a matrix of random normal numbers, in the mean."""
    one, other = math.sqrt(rows), math.sqrt(cols)
    centre = (one + other) ** 2
    scale = (one + other) * (1 / one + 1 / other) ** (1 / 3)
    first = centre - FIRST_POINT * scale
    later = max(0.0, centre - LATER_POINT * scale)
    return 1 - math.sqrt(later / first)
