"""registry.numerics.thin_products: a matrix and a few vectors, piece by piece."""

import ml_dtypes
import numpy as np
import pytest
from numpy.testing import assert_allclose

from registry.numerics import thin_products
from registry.numerics.sketches import signs
from registry.numerics.thin_products import (
    squared_row_lengths,
    times,
    trace_of_product,
    transposed_times,
    widened,
)

ROWS, COLUMNS = 700, 530  # no whole number of pieces
KINDS = (ml_dtypes.bfloat16, np.float16, np.float32, np.float64, ml_dtypes.float8_e4m3fn)


def damaged(kind: type, rows: int = ROWS) -> np.ndarray:
    """Return a matrix with some numbers that are none."""
    matrix = np.random.default_rng(0).standard_normal((rows, COLUMNS)).astype(kind)
    matrix[0, 0] = matrix[rows - 1, 5] = float("nan")
    if kind is not ml_dtypes.float8_e4m3fn:  # which has no infinities
        matrix[1, 1] = float("-inf")
    return matrix


def exact(matrix: np.ndarray) -> np.ndarray:
    """Return the matrix in float64, without what is not finite."""
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(matrix.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compiled_from", [1, 1 << 30], ids=["compiled", "numpy"])
def test_products_are_those_of_float64(kind, compiled_from, monkeypatch):
    """From any floating type, from both sides, in either order of memory."""
    monkeypatch.setattr(thin_products, "COMPILED_FROM", compiled_from)
    matrix = damaged(kind)
    right, left = signs(COLUMNS, 8, 1), signs(ROWS, 8, 2)
    values = exact(matrix)
    by_columns = matrix.T.copy().T
    for stored in (matrix, by_columns):
        assert_allclose(times(stored, right), values @ right, atol=1e-3)
        assert_allclose(transposed_times(stored, left), values.T @ left, atol=1e-3)
        assert_allclose(squared_row_lengths(stored), (values**2).sum(1), rtol=1e-5)
        assert np.array_equal(widened(stored), values.astype(np.float32))


def test_parts_of_a_larger_matrix():
    """Every other row, and some columns."""
    matrix = damaged(ml_dtypes.bfloat16, 1400)[::2, 10:500]
    right = signs(490, 3, 1)
    assert_allclose(times(matrix, right), exact(matrix) @ right, atol=1e-3)


@pytest.mark.parametrize("kind", [ml_dtypes.bfloat16, np.float32])
def test_traces(kind):
    """Of a product that is never formed, with a weight for every row."""
    one, other = damaged(kind), damaged(kind).T
    weights = np.linspace(0, 1, ROWS, dtype=np.float32)
    expected = np.trace(weights[:, None] * (exact(one) @ exact(other)))
    assert trace_of_product(one, other, weights) == pytest.approx(expected, rel=1e-5)
