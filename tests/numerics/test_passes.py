"""registry.numerics.passes and registry.numerics.compiled.passes: one pass, plain and compiled."""

import os
import subprocess
import sys

import numba
import pytest
import torch
from numba.core.errors import TypingError

from registry.numerics import moments as measuring
from registry.numerics.compiled import passes as kernels
from registry.numerics.compiled.passes import FORMATS, compiled_pass
from registry.numerics.moments import COMPILED_FROM, moments, one_pass
from registry.numerics.passes import plain

NARROW = [dtype for dtype, form in FORMATS.items() if form.width <= 16]


def every_value(dtype: torch.dtype) -> torch.Tensor:
    """All finite values of a type of up to 16 bits."""
    width = FORMATS[dtype].width
    patterns = torch.arange(1 << width).to(torch.uint8 if width == 8 else torch.uint16).view(dtype)
    return patterns[patterns.double().isfinite()]


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
        repeated = value.repeat(4)
        found, expected = compiled_pass(repeated, pivot), plain(repeated, pivot)
        assert found.powers[:2] == expected.powers[:2]
        assert found.powers[2:] == pytest.approx(expected.powers[2:], rel=1e-6)
        assert (found.min, found.max) == (expected.min, expected.max)


@pytest.mark.parametrize("pivot", [0.0, 1.0])
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
@pytest.mark.parametrize("size", [4, 7, 2047, 2048, 2049, 10_003])
def test_compiled_equals_plain(size, dtype, pivot):
    """Blocks, words and what is left over after them are all counted once."""
    tensor = torch.randn(size, generator=torch.Generator().manual_seed(size)).to(dtype)
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
    tensor = sign * torch.tensor([1.0, 0.5, 4.0, 2.0], dtype=torch.float64)
    found = compiled_pass(tensor.to(dtype), 0.0)
    assert (found.min, found.max) == (tensor.min(), tensor.max())
    zeros = compiled_pass((sign * torch.zeros(8, dtype=torch.float64)).to(dtype), 0.0)
    assert repr((zeros.min, zeros.max)) == "(0.0, 0.0)"


@pytest.mark.parametrize("dtype", FORMATS, ids=str)
@pytest.mark.parametrize("at", [0, 5, 4095])
def test_no_kernel_takes_nan(at, dtype):
    """A NaN of either sign anywhere sends a tensor the plain way, which counts it."""
    for nan in (float("nan"), -float("nan")):
        tensor = torch.ones(4096, dtype=torch.float64)
        tensor[at] = nan
        assert compiled_pass(tensor.to(dtype), 0.0) is None


def test_no_kernel_takes_other_types():
    """A type without a kernel goes the plain way."""
    tensor = torch.ones(COMPILED_FROM, dtype=torch.int8)
    assert compiled_pass(tensor, 0.0) is None
    assert one_pass(tensor).powers == (COMPILED_FROM,) * 4


@pytest.mark.parametrize("offset", [1, 2, 3])
def test_memory_that_is_not_aligned(offset):
    """Where a tensor starts in memory changes nothing."""
    tensor = torch.randn(5001).bfloat16()
    shifted = torch.empty(5001 + offset, dtype=torch.bfloat16)[offset:].copy_(tensor)
    assert compiled_pass(shifted, 0.0) == compiled_pass(tensor, 0.0)


def test_small_tensors_wait_for_no_compiler():
    """The compiler is imported when the first large tensor comes."""
    code = """
import sys, torch
from registry.numerics.moments import COMPILED_FROM, moments
moments(torch.ones(48, 48)), moments(torch.ones(COMPILED_FROM - 1).bfloat16())
assert "numba" not in sys.modules
moments(torch.ones(COMPILED_FROM).bfloat16())
assert "numba" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_numba(monkeypatch):
    """Large tensors are measured all the same."""
    tensor = torch.randn(COMPILED_FROM, generator=torch.Generator().manual_seed(0)).bfloat16()
    expected = moments(tensor)
    monkeypatch.setitem(sys.modules, "registry.numerics.compiled.passes", None)
    measuring.compiled.cache_clear()
    assert moments(tensor).std == pytest.approx(expected.std, rel=1e-13)
    measuring.compiled.cache_clear()


@pytest.mark.parametrize(
    "failure", [RuntimeError("no locator available"), OSError("disk full")], ids=str
)
def test_no_folder_for_the_cache(failure, fresh_kernels, monkeypatch):
    """Kernels are compiled all the same where no machine code can be kept."""
    compile_it = numba.njit

    def njit(signature, *, cache=False, **options):
        if cache:
            raise failure
        return compile_it(signature, **options)

    monkeypatch.setattr(numba, "njit", njit)
    assert compiled_pass(torch.ones(8), 0.0).powers == (8, 8, 8, 8)


def test_nothing_compiles(fresh_kernels, monkeypatch):
    """A machine that numba cannot serve goes the plain way."""

    def njit(*_args, **_options):
        raise TypingError("unknown machine")

    monkeypatch.setattr(numba, "njit", njit)
    assert compiled_pass(torch.ones(8), 0.0) is None


def test_processes_share_the_cache(tmp_path):
    """Several processes may compile at once and read each other's machine code."""
    code = """
import torch
from registry.numerics.compiled.passes import compiled_pass
assert compiled_pass(torch.ones(8).bfloat16(), 0.0).powers == (8, 8, 8, 8)
"""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    running = [subprocess.Popen([sys.executable, "-c", code], env=environment) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert list(tmp_path.rglob("*.nbc"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA GPU here")
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
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
