"""Matrices as the columns that comparisons read, with as little in them as a test needs."""

from typing import Any

import numpy as np

from registry.lineage.matrix_columns import SPECTRUM_RANK, MatrixColumns


def matrix_columns(count: int, **given: Any) -> MatrixColumns:
    """So many matrices of 96 x 96 in one layer, of which only what is given is known."""
    nothing, unknown = np.zeros(count, int), np.full(count, np.nan)
    sizes = np.full(count, 96)
    columns: dict[str, Any] = dict.fromkeys(("layers", "projections", "experts"), nothing)
    columns |= dict.fromkeys(("rows", "cols"), sizes)
    columns |= dict.fromkeys(("distinct_share", "zero_share", "kurtosis"), unknown)
    columns |= {"std": np.ones(count), "digests": np.zeros(count, "S64"), "stacks": ()}
    columns["singular_values"] = np.full((count, SPECTRUM_RANK), np.nan)
    return MatrixColumns(**columns | given)
