"""registry.numerics.moments."""

import math
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from registry.numerics import moments as measuring
from registry.numerics.moments import COMPILED_FROM, SEGMENT, Moments, merge, moments, one_pass
from registry.numerics.passes import CHUNK

DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
]
SIZE = 3 * CHUNK + 5


def drawn(size: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(params=[math.inf, 1], ids=["plain", "compiled"])
def way(request, monkeypatch):
    """Both ways of reading a tensor, whatever its size."""
    monkeypatch.setattr(measuring, "COMPILED_FROM", request.param)
    return request.param


def two_passes(tensor: torch.Tensor) -> tuple[float, float]:
    """Mean and population std from sums without rounding errors, over values scaled to 1, corrected for the mean's."""
    x = tensor.double().numpy().ravel()
    exponent = int(np.frexp(np.abs(x).max())[1])
    x = np.ldexp(x, -exponent)
    mean = math.fsum(x) / x.size
    c = x - mean
    error = Fraction(math.fsum(c)) / x.size
    variance = Fraction(math.fsum(c * c)) / x.size - error**2
    return math.ldexp(mean + float(error), exponent), math.ldexp(math.sqrt(variance), exponent)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("mean", [0.0, 3.0])
def test_equal_to_two_passes_in_float64(dtype, mean, way):
    """Every moment equals numpy's and scipy's on the float64 copy, from every type, over several chunks."""
    tensor = (drawn(SIZE) * 0.5 + mean).to(dtype)
    found, x = moments(tensor), tensor.double().numpy()
    loose = (
        1e-9 if way > SIZE or mean else 2e-6
    )  # compiled: higher powers about zero are added in float32
    assert (found.count, found.nonfinite) == (x.size, 0)
    assert found.mean == pytest.approx(x.mean(), rel=1e-9)
    assert found.std == pytest.approx(x.std(), rel=1e-12)
    assert found.skewness == pytest.approx(stats.skew(x), rel=1e-6, abs=loose)
    assert found.kurtosis == pytest.approx(stats.kurtosis(x, fisher=False), rel=loose)
    assert (found.min, found.max) == (x.min(), x.max())


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str
)
@pytest.mark.parametrize("mean", [0.0, 3.0])
def test_matrices_of_several_chunks(dtype, mean):
    """Small matrices keep nine digits of kurtosis and six of skewness."""
    tensor = (torch.randn(700, 451, generator=torch.Generator().manual_seed(1)) * 0.02 + mean).to(
        dtype
    )
    found, x = moments(tensor), tensor.double().numpy().ravel()
    assert tensor.numel() > 2 * CHUNK
    assert found.count == x.size
    assert found.mean == pytest.approx(x.mean(), rel=1e-9)
    assert found.std == pytest.approx(x.std(), rel=1e-9)
    assert found.skewness == pytest.approx(stats.skew(x), rel=1e-6, abs=1e-9)
    assert found.kurtosis == pytest.approx(stats.kurtosis(x, fisher=False), rel=1e-9)
    assert (found.min, found.max) == (x.min(), x.max())


def mixed(small: float, share: float):
    """Ones, and a share of small values of one sign."""
    return lambda x: torch.where(x.abs() < share, torch.full_like(x, small), torch.ones_like(x))


HARD = {
    "mean 150 std": lambda x: x + 150,
    "mean -1e4 std": lambda x: x - 1e4,
    "mean 1e8 std": lambda x: x + 1e8,
    "mean and std alike": lambda x: x + 1,
    "constant": lambda x: torch.full_like(x, 0.1),
    "constant but one": lambda x: torch.cat(
        [torch.full_like(x[1:], 0.1), torch.tensor([0.2], dtype=x.dtype)]
    ),
    "outliers": lambda x: torch.cat([x[:-3], 1e4 * torch.tensor([1.0, -2.0, 3.0], dtype=x.dtype)]),
    "one outlier first": lambda x: torch.cat([torch.tensor([1e4], dtype=x.dtype), x[1:]]),
    "1e-30": lambda x: x * 1e-30,
    "1e30": lambda x: x * 1e30,
    "1e-160": lambda x: x * 1e-160,
    "1e160": lambda x: x * 1e160,
    "1e307": lambda x: x.clamp(-5, 5) * 1e307,
    "denormal in float64": lambda x: x * 1e-315,
    "denormal in float32": lambda x: x * 1e-41,
    "denormal in float16": lambda x: x * 1e-6,
    "1 and 2^-13": mixed(2.0**-13, 1.0),
    "1 and 2^-13, seldom 1": mixed(2.0**-13, 3.5),
    "1 and 2^-30": mixed(2.0**-30, 1.0),
    "zeros but one": lambda x: torch.cat([torch.zeros_like(x[1:]), torch.ones_like(x[:1])]),
    "all negative": lambda x: -x.abs() - 0.01,
    "all scales": lambda x: torch.sign(x) * torch.exp2(x * 8),
    "two blocks far apart": lambda x: torch.where(
        torch.arange(x.numel()) < x.numel() // 2, x - 40, x + 40
    ),
}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", HARD)
@pytest.mark.usefixtures("way")
def test_hard_values(kind, dtype):
    """Standard deviation and mean equal two exact passes to 1e-11, whatever the values; limits are among the values."""
    tensor = HARD[kind](drawn(SIZE)).clamp(torch.finfo(dtype).min, torch.finfo(dtype).max).to(dtype)
    found, (mean, std) = moments(tensor), two_passes(tensor)
    assert found.std == pytest.approx(std, rel=1e-11, abs=0)
    assert found.mean == pytest.approx(mean, rel=1e-11, abs=1e-15 * std)
    assert (found.min, found.max) == (tensor.double().min(), tensor.double().max())
    assert math.isfinite(found.skewness)
    assert math.isfinite(found.kurtosis)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("size", [1, 2304, COMPILED_FROM], ids=str)
def test_constants_have_no_spread(dtype, size):
    """Not a rounding error, but 0, and no NaN."""
    found = moments(torch.full((size,), 0.1).to(dtype))
    assert (found.std, found.skewness, found.kurtosis) == (0, 0, 0)
    assert found.min == found.mean == found.max


def test_empty_tensors():
    """Nothing has no spread either."""
    assert moments(torch.empty(0, 4)) == Moments()
    assert (Moments().mean, Moments().std, Moments().skewness, Moments().kurtosis) == (0, 0, 0, 0)


def test_a_transposed_view_has_the_same_moments():
    """The order of the values does not matter."""
    tensor = torch.randn(30, 40)
    assert moments(tensor.T) == moments(tensor)


@pytest.mark.parametrize("size", [5, COMPILED_FROM], ids=str)
@pytest.mark.parametrize("dtype", DTYPES[:4], ids=str)
def test_nonfinite_values_are_counted_and_left_out(size, dtype):
    """NaN and infinities do not reach the sums, nor minimum and maximum."""
    tensor = torch.full((size,), 2.0, dtype=dtype)
    tensor[[0, -4, -3, -2, -1]] = torch.tensor(
        [1.0, math.nan, 3.0, math.inf, -math.inf], dtype=dtype
    )
    found = moments(tensor)
    assert (found.count, found.nonfinite, found.mean, found.min, found.max) == (
        size - 3,
        3,
        2.0,
        1.0,
        3.0,
    )
    assert found.std == pytest.approx(math.sqrt(2 / (size - 3)))
    assert moments(torch.full((size,), math.nan, dtype=dtype)) == Moments(nonfinite=size)


def test_exact_sums():
    """Power sums are those of rational arithmetic wherever float64 holds them."""
    values = [0.5, -0.25, 3.0, 2.0**-10]
    expected = tuple(sum(Fraction(x) ** k for x in values) for k in range(1, 5))
    found = moments(torch.tensor(values, dtype=torch.float64)).sums
    assert tuple(Fraction(s, 2 ** (1074 * k)) for k, s in enumerate(found, 1)) == expected


finite = st.floats(allow_nan=False, allow_infinity=False)
ordinary = st.floats(-1e3, 1e3, width=32)
tensors = st.lists(st.one_of(ordinary, finite), max_size=6).map(
    lambda xs: torch.tensor(xs, dtype=torch.float64)
)


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(tensors, max_size=8), st.data())
def test_merging_is_exact_in_any_order_and_grouping(parts, data):
    """Permutations and groupings of parts give the same bits."""
    measured = [moments(part) for part in parts]
    shuffled = data.draw(st.permutations(measured))
    cut = data.draw(st.integers(0, len(parts)))
    grouped = merge([merge(shuffled[cut:]), merge(shuffled[:cut])])
    assert grouped == merge(measured)
    assert repr((grouped.mean, grouped.std, grouped.min, grouped.max)) == repr(
        (merge(measured).mean, merge(measured).std, merge(measured).min, merge(measured).max)
    )


values = st.lists(ordinary, max_size=50)


@settings(deadline=None)
@given(values, values)
def test_merging_equals_measuring_together(a, b):
    """Two sets' moments added are those of the union."""
    together = moments(torch.tensor(a + b, dtype=torch.float64))
    added = merge([moments(torch.tensor(part, dtype=torch.float64)) for part in (a, b)])
    assert added.count == together.count
    assert added.mean == pytest.approx(together.mean, rel=1e-12, abs=1e-12)
    assert added.std == pytest.approx(together.std, rel=1e-9, abs=1e-12)
    assert added.skewness == pytest.approx(together.skewness, rel=1e-6, abs=1e-6)
    assert added.kurtosis == pytest.approx(together.kurtosis, rel=1e-6)
    assert (added.min, added.max) == (together.min, together.max)


def test_what_is_unknown_stays_unknown():
    """Values of which only mean and std are known keep them, and leave the rest of a union unknown in any order."""
    known, vague = moments(torch.tensor([1.0, 3.0])), Moments.spread(2, 2.0, 1.0, 5)
    assert (vague.mean, vague.std, vague.nonfinite) == (2.0, 1.0, 5)
    for union in (known + vague, vague + known):
        assert (union.count, union.mean, union.std) == (4, 2.0, 1.0)
        assert all(map(math.isnan, (union.skewness, union.kurtosis, union.min, union.max)))


def test_population_not_sample():
    """The standard deviation divides by n."""
    assert moments(torch.tensor([1.0, 3.0])).std == np.std([1.0, 3.0]) == 1.0


def test_threads_change_nothing(monkeypatch):
    """Any number of threads gives the same bits."""
    monkeypatch.setattr("registry.numerics.moments.SEGMENT", 1 << 12)
    tensor = drawn(50_000).bfloat16()
    assert tensor.numel() < SEGMENT
    assert moments(tensor, threads=3) == moments(tensor)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("mean", [0.0, 3.0])
def test_compiled_and_plain_agree(dtype, mean, monkeypatch):
    """Without the compiled kernels std, mean and limits are the same to 1e-13."""
    tensor = (drawn(COMPILED_FROM + 2) * 0.5 + mean).to(dtype)
    found = moments(tensor)
    monkeypatch.setattr(measuring, "compiled", lambda: None)
    expected = moments(tensor)
    assert (found.count, found.min, found.max) == (expected.count, expected.min, expected.max)
    assert found.std == pytest.approx(expected.std, rel=1e-13)
    assert found.mean == pytest.approx(expected.mean, rel=1e-11)


def test_types_without_a_kernel():
    """A large tensor of another type is measured by torch."""
    tensor = torch.ones(COMPILED_FROM, dtype=torch.int8)
    assert one_pass(tensor).powers == (COMPILED_FROM,) * 4


def test_without_numba(monkeypatch):
    """Large tensors are measured all the same."""
    tensor = torch.randn(COMPILED_FROM, generator=torch.Generator().manual_seed(0)).bfloat16()
    expected = moments(tensor)
    monkeypatch.setitem(sys.modules, "registry.numerics.compiled.passes", None)
    measuring.compiled.cache_clear()
    assert moments(tensor).std == pytest.approx(expected.std, rel=1e-13)
    measuring.compiled.cache_clear()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA GPU here")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("mean", [0.0, 3.0])
def test_on_a_gpu(mean, dtype):
    """A tensor on a device is measured there, to the same numbers."""
    tensor = (torch.randn(100_000, generator=torch.Generator().manual_seed(0)) * 0.5 + mean).to(
        dtype
    )
    found, expected = moments(tensor.cuda()), moments(tensor)
    assert (found.count, found.min, found.max) == (expected.count, expected.min, expected.max)
    assert found.std == pytest.approx(expected.std, rel=1e-12)
    assert found.kurtosis == pytest.approx(expected.kurtosis, rel=1e-9)
