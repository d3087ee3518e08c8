"""registry.numerics.passes: one pass over the values, chunk by chunk."""

import math

import ml_dtypes
import numpy as np
import pytest

from registry.numerics import passes
from registry.numerics.passes import joined, plain


def powers_of(values: np.ndarray, pivot: float = 0.0) -> list[float]:
    x = values.astype(float) - pivot
    return [float((x**k).sum()) for k in (1, 2, 3, 4)]


@pytest.mark.parametrize("dtype", ["float64", "float16", ml_dtypes.float8_e4m3fn])
@pytest.mark.parametrize("pivot", [0.0, 0.7])
@pytest.mark.parametrize("chunk", [64, 1 << 14])
def test_power_sums(dtype, pivot, chunk, monkeypatch):
    """Sums, count and limits are those of numpy in float64, of one chunk and of several."""
    monkeypatch.setattr(passes, "CHUNK", chunk)
    values = np.random.default_rng(1).standard_normal(1001).astype(dtype)
    result = plain(values, pivot)
    assert result.powers == pytest.approx(powers_of(values, pivot), rel=1e-12)
    assert (result.count, result.nonfinite, result.pivot) == (1001, 0, pivot)
    assert (result.min, result.max) == (values.astype(float).min(), values.astype(float).max())


def test_what_is_not_finite_is_counted_and_left_out():
    """Also where a chunk holds nothing else."""
    values = np.array([1.0, math.nan, -3.0, math.inf, -math.inf])
    result = plain(values)
    assert (result.count, result.nonfinite, result.powers) == (2, 3, (-2.0, 10.0, -26.0, 82.0))
    assert (result.min, result.max) == (-3.0, 1.0)
    nothing = plain(np.full(4, math.nan))
    assert (nothing.count, nothing.nonfinite, nothing.powers) == (0, 4, (0.0,) * 4)
    assert (nothing.min, nothing.max) == (math.inf, -math.inf)


@pytest.mark.parametrize("exponent", [-1000, 1060])
def test_values_are_scaled_by_a_power_of_two(exponent):
    """Values whose fourth powers leave float64 are brought near 1, beyond what 2^exponent itself holds."""
    near_one = np.array([0.5, 1.0, -1.5])
    values = np.ldexp(near_one, -exponent)
    result = plain(values, math.ldexp(0.25, -exponent), exponent)
    assert result.powers == pytest.approx(powers_of(near_one, 0.25), rel=1e-14)
    assert result.exponent == exponent


def test_joined_passes_are_one():
    """Counts and sums are added, limits are the outermost, the pivot stays."""
    first, second = plain(np.array([1.0, math.nan]), 0.5), plain(np.array([4.0, -2.0]), 0.5)
    assert joined([first, second]) == plain(np.array([1.0, math.nan, 4.0, -2.0]), 0.5)
    assert joined([first]) is first
