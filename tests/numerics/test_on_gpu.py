"""registry.numerics.on_gpu: torch says what numpy says, here of tensors on a CPU."""

import math

import numpy as np
import pytest
import torch

from registry.numerics import histograms, moments, on_gpu, passes, sketches, thin_products
from registry.numerics.arrays import as_array

DRAW = torch.Generator().manual_seed(3)
MATRIX = torch.randn(70, 50, generator=DRAW).bfloat16()
MATRIX[3, 4], MATRIX[5, 6] = math.nan, math.inf
ARRAY = as_array(MATRIX)
RIGHT = sketches.signs(50, 8, 1)


@pytest.fixture(autouse=True)
def several_pieces(monkeypatch):
    """Matrices are larger than what is converted at a time."""
    monkeypatch.setattr(on_gpu, "PIECE", 1000)
    monkeypatch.setattr(on_gpu, "PASS_CHUNK", 1000)


@pytest.mark.parametrize(("pivot", "exponent"), [(0.0, 0), (0.5, 0), (0.5, -700)])
def test_power_sums(pivot, exponent):
    """Sums, limits, and what is not finite."""
    found = on_gpu.pass_over(MATRIX.reshape(-1), pivot, exponent)
    expected = passes.plain(ARRAY.reshape(-1), pivot, exponent)
    assert found.powers == pytest.approx(expected.powers, rel=1e-12)
    assert (found.count, found.nonfinite, found.min, found.max) == (
        expected.count,
        expected.nonfinite,
        expected.min,
        expected.max,
    )


def test_counts():
    """The same in every bin."""
    counts = on_gpu.counts_of_keys(MATRIX.reshape(-1), histograms.KEY_SHIFT, histograms.KEYS)
    found = histograms.summed(counts, histograms.places_of("float32"))
    assert (found == histograms.histogram(ARRAY)).all()


def test_order_of_memory():
    """A transposed matrix is not copied."""
    assert on_gpu.in_storage_order(MATRIX.T).data_ptr() == MATRIX.data_ptr()
    assert moments.in_storage_order(ARRAY.T).base is not None


def test_products():
    """With a few directions, from both sides; lengths of rows; a trace."""
    assert on_gpu.times(MATRIX, RIGHT) == pytest.approx(thin_products.times(ARRAY, RIGHT), abs=1e-4)
    transposed = on_gpu.transposed_times(MATRIX.T, RIGHT)
    assert transposed == pytest.approx(thin_products.transposed_times(ARRAY.T, RIGHT), abs=1e-4)
    lengths = on_gpu.squared_row_lengths(MATRIX)
    assert lengths == pytest.approx(thin_products.squared_row_lengths(ARRAY), rel=1e-5)
    weights = np.linspace(0, 1, 70, dtype=np.float32)
    trace = on_gpu.trace_of_product(MATRIX, MATRIX.T, weights)
    expected = thin_products.trace_of_product(ARRAY, ARRAY.T, weights)
    assert trace == pytest.approx(expected, rel=1e-5)


def test_stretches():
    """The same neighbours."""
    places = sketches.Places([1, 2], [3, 4])
    found = on_gpu.stretches(MATRIX, places, 5)
    assert (found == sketches.stretches(ARRAY, places, 5)).all()
