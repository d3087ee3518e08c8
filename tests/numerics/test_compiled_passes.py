"""registry.numerics.compiled.passes: power sums at the speed of memory, against the plain pass."""

import ml_dtypes
import numba
import numpy as np
import pytest
from numba.core.errors import TypingError

from registry.numerics.arrays import float32
from registry.numerics.compiled import passes as kernels
from registry.numerics.compiled.passes import FORMATS, compiled_pass
from registry.numerics.passes import plain

pytestmark = pytest.mark.slow


NARROW = [dtype for dtype, form in FORMATS.items() if form.width <= 16]


def every_value(dtype: np.dtype) -> np.ndarray:
    """All finite values of a type of up to 16 bits."""
    width = FORMATS[dtype].width
    patterns = np.arange(1 << width, dtype=f"u{width // 8}").view(dtype)
    return patterns[np.isfinite(float32(patterns))]


@pytest.fixture
def fresh_kernels():
    """Kernels compiled anew, and forgotten afterwards."""
    made = kernels.single_powers, kernels.double_powers
    for factory in made:
        factory.cache_clear()
    yield
    for factory in made:
        factory.cache_clear()


@pytest.mark.parametrize("dtype", NARROW, ids=str)
@pytest.mark.parametrize("pivot", [0.0, 0.125])
def test_every_pattern_has_its_value(dtype, pivot):
    """Each finite value of a narrow type, alone, has exactly its power sums, denormal ones included."""
    for value in every_value(dtype)[:: 1 if dtype.itemsize == 1 else 97]:
        repeated = np.full(4, value)
        found, expected = compiled_pass(repeated, pivot), plain(repeated, pivot)
        assert found.powers[:2] == expected.powers[:2]
        assert found.powers[2:] == pytest.approx(expected.powers[2:], rel=1e-6)
        assert (found.min, found.max) == (expected.min, expected.max)


@pytest.mark.parametrize("pivot", [0.0, 1.0])
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
@pytest.mark.parametrize("size", [4, 7, 2047, 2048, 2049, 10_003])
def test_compiled_equals_plain(size, dtype, pivot):
    """Blocks, words and what is left over after them are all counted once."""
    tensor = np.random.default_rng(size).standard_normal(size).astype(dtype)
    found, expected = compiled_pass(tensor, pivot), plain(tensor, pivot)
    assert (found.count, found.nonfinite, found.min, found.max) == (
        size,
        0,
        expected.min,
        expected.max,
    )
    assert found.powers[0] == pytest.approx(expected.powers[0], rel=1e-12, abs=1e-12 * size)
    assert found.powers[1] == pytest.approx(expected.powers[1], rel=1e-13)
    assert found.powers[2] == pytest.approx(expected.powers[2], abs=1e-6 * expected.powers[3])
    assert found.powers[3] == pytest.approx(expected.powers[3], rel=1e-6)


@pytest.mark.parametrize("dtype", FORMATS, ids=str)
@pytest.mark.parametrize("sign", [1, -1], ids=["positive", "negative"])
def test_limits_of_one_sign(sign, dtype):
    """Patterns of negative values are in falling order; zero has no sign."""
    tensor = sign * np.array([1.0, 0.5, 4.0, 2.0])
    found = compiled_pass(tensor.astype(dtype), 0.0)
    assert (found.min, found.max) == (tensor.min(), tensor.max())
    zeros = compiled_pass((sign * np.zeros(8)).astype(dtype), 0.0)
    assert repr((zeros.min, zeros.max)) == "(0.0, 0.0)"


@pytest.mark.parametrize("dtype", FORMATS, ids=str)
@pytest.mark.parametrize("at", [0, 5, 4095])
def test_no_kernel_takes_nan(at, dtype):
    """A NaN of either sign anywhere sends a tensor the plain way, which counts it."""
    for nan in (float("nan"), -float("nan")):
        tensor = np.ones(4096)
        tensor[at] = nan
        assert compiled_pass(tensor.astype(dtype), 0.0) is None


def test_no_kernel_takes_other_types():
    """A type without a kernel is left to numpy."""
    assert compiled_pass(np.ones(64, np.int8), 0.0) is None


@pytest.mark.parametrize("offset", [1, 2, 3])
def test_memory_that_is_not_aligned(offset):
    """Where a tensor starts in memory changes nothing."""
    tensor = np.random.default_rng(0).standard_normal(5001).astype(ml_dtypes.bfloat16)
    shifted = np.empty(5001 + offset, ml_dtypes.bfloat16)[offset:]
    shifted[:] = tensor
    assert compiled_pass(shifted, 0.0) == compiled_pass(tensor, 0.0)


def test_nothing_compiles(fresh_kernels, monkeypatch):
    """A machine that numba cannot serve goes the plain way."""

    def njit(*_args, **_options):
        raise TypingError("unknown machine")

    monkeypatch.setattr(numba, "njit", njit)
    assert compiled_pass(np.ones(8), 0.0) is None
