"""registry.numerics.pattern_counts: moments and histogram from one count of bit patterns."""

import ml_dtypes
import numpy as np
import pytest
from scipy import stats

from registry.numerics import pattern_counts
from registry.numerics.histograms import histogram
from registry.numerics.moments import Moments
from registry.numerics.pattern_counts import described, moments_of_counts

SHAPE = (41, 51)  # an odd number of values
KINDS = (ml_dtypes.bfloat16, np.float16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2)


@pytest.fixture(autouse=True)
def _from_one_value(monkeypatch):
    monkeypatch.setattr(pattern_counts, "COUNTED_FROM", 1)


def normal(kind: type, mean: float = 0.0) -> np.ndarray:
    """Return normal values in a type."""
    return (np.random.default_rng(0).standard_normal(SHAPE) * 0.1 + mean).astype(kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mean", [0.0, 1.0])
def test_moments_and_histogram_are_those_of_the_values(kind, mean):
    """In either order of memory, and far from zero."""
    matrix = normal(kind, mean)
    for stored in (matrix, matrix.T.copy().T):
        both = described(stored)
        assert both is not None
        x = matrix.astype(np.float64).ravel()
        assert both.moments.count == x.size
        assert both.moments.mean == pytest.approx(x.mean(), rel=1e-12)
        assert both.moments.std == pytest.approx(x.std(), rel=1e-12)
        assert both.moments.skewness == pytest.approx(stats.skew(x), abs=1e-9)
        assert both.moments.kurtosis == pytest.approx(stats.kurtosis(x, fisher=False), rel=1e-9)
        assert (both.moments.min, both.moments.max) == (x.min(), x.max())
        assert (both.histogram == histogram(matrix)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_finite_is_counted_apart(kind):
    """NaN of either sign and infinities are no part of the moments."""
    matrix = normal(kind)
    matrix[0, :3] = float("nan"), float("-nan"), float("-inf")
    both = described(matrix)
    rest = matrix.astype(np.float64).ravel()[3:]
    assert both is not None
    assert (both.moments.nonfinite, both.moments.count) == (3, rest.size)
    assert both.moments.std == pytest.approx(rest.std(), rel=1e-12)
    assert both.histogram.sum() == rest.size


def test_equal_values_have_no_spread():
    """Of one value, of zeros of both signs, and of NaN alone."""
    for value in (0.1, 3.0):
        both = described(np.full(SHAPE, value, ml_dtypes.bfloat16))
        assert both is not None
        assert (both.moments.std, both.moments.kurtosis) == (0, 0)
        assert both.moments.mean == float(ml_dtypes.bfloat16(value))
    zeros = described(np.array([0.0, -0.0], np.float16))
    assert zeros is not None
    assert str((zeros.moments.min, zeros.moments.max)) == "(0.0, 0.0)"
    nothing = moments_of_counts(np.array([np.nan]), np.array([1]))
    assert nothing == Moments(nonfinite=1)


@pytest.mark.parametrize("scale", [1e-37, 1e37])
def test_the_smallest_and_the_largest_values(scale):
    """Fourth powers neither vanish nor overflow."""
    matrix = (normal(float) * scale).astype(ml_dtypes.bfloat16)
    both = described(matrix)
    assert both is not None
    assert both.moments.kurtosis == pytest.approx(3, abs=0.5)
    assert both.moments.std == pytest.approx(matrix.astype(float).std(), rel=1e-12)


def test_others_are_not_counted(monkeypatch):
    """Wider types and small matrices."""
    assert described(normal(np.float32)) is None
    monkeypatch.setattr(pattern_counts, "COUNTED_FROM", 1 << 20)
    assert described(normal(np.float16)) is None
