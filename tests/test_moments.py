"""registry.numerics.moments."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from registry.numerics.moments import CHUNK, Moments, merge, moments

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("mean", [0.0, 3.0])
def test_equal_to_two_passes_in_float64(dtype, mean):
    """Every moment equals numpy's and scipy's on the float64 copy to 1e-9, over several chunks."""
    tensor = (torch.randn(700, 451, generator=torch.Generator().manual_seed(1)) * 0.02 + mean).to(dtype)
    assert tensor.numel() > 2 * CHUNK
    found, x = moments(tensor), tensor.double().numpy().ravel()
    assert found.count == x.size
    assert found.mean == pytest.approx(x.mean(), rel=1e-9)
    assert found.std == pytest.approx(x.std(), rel=1e-9)
    assert found.skewness == pytest.approx(stats.skew(x), rel=1e-6, abs=1e-9)
    assert found.kurtosis == pytest.approx(stats.kurtosis(x, fisher=False), rel=1e-9)
    assert (found.min, found.max) == (x.min(), x.max())


def test_a_transposed_view_has_the_same_moments():
    """The order of the values does not matter."""
    tensor = torch.randn(30, 40)
    assert moments(tensor.T) == moments(tensor)


def test_nonfinite_values_are_counted_and_left_out():
    """NaN and infinities do not reach the sums, nor minimum and maximum."""
    tensor = torch.tensor([1.0, math.nan, 3.0, math.inf, -math.inf])
    found = moments(tensor)
    assert (found.count, found.nonfinite, found.mean, found.std, found.min, found.max) == (
        2,
        3,
        2.0,
        1.0,
        1.0,
        3.0,
    )


def test_constant_and_empty_tensors():
    """No spread is 0, not NaN."""
    assert moments(torch.full((5, 5), 0.1)).std == 0
    assert moments(torch.full((5, 5), 0.1)).kurtosis == 0
    assert moments(torch.empty(0, 4)) == Moments()


values = st.lists(st.floats(-1e3, 1e3, width=32), max_size=50)


@settings(deadline=None)
@given(values, values)
def test_merging_equals_measuring_together(a, b):
    """Two sets' moments added are those of the union."""
    together = moments(torch.tensor(a + b, dtype=torch.float64))
    added = merge([moments(torch.tensor(part, dtype=torch.float64)) for part in (a, b)])
    assert added.count == together.count
    assert added.mean == pytest.approx(together.mean, abs=1e-9)
    assert added.m2 == pytest.approx(together.m2, rel=1e-9, abs=1e-6)
    assert added.m3 == pytest.approx(together.m3, rel=1e-9, abs=1e-2)
    assert added.m4 == pytest.approx(together.m4, rel=1e-9, abs=1)
    assert (added.min, added.max) == (together.min, together.max)


def test_population_not_sample():
    """The standard deviation divides by n."""
    assert moments(torch.tensor([1.0, 3.0])).std == np.std([1.0, 3.0]) == 1.0
