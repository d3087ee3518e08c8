"""registry.numerics.spectrum: top singular values and their bounds, against LAPACK in float64."""

import subprocess
import sys

import matrices
import numpy as np
import pytest
import torch

from registry.numerics import device_spectrum, spectrum
from registry.numerics.spectrum import TOLERANCE, Spectrum, spectra

pytestmark = pytest.mark.slow


LARGE = (600, 400)  # large enough for block Lanczos


def top_singular_values(matrix: torch.Tensor, rank: int, tolerance: float = TOLERANCE, **proof):
    """The spectrum of one matrix alone."""
    (spectrum_found,) = spectra([matrix], rank, tolerance, **proof)
    return spectrum_found


def lapack(matrix: torch.Tensor, rank: int) -> np.ndarray:
    """The true values, and to what LAPACK has them."""
    return np.linalg.svd(matrix.double().numpy(), compute_uv=False)[:rank]


def held(found: Spectrum, expected: np.ndarray) -> bool:
    """Whether every bound holds, with what LAPACK itself may be off."""
    error = np.abs(np.array(found.values) - expected)
    return bool((error <= np.array(found.bounds) + 1e-13 * expected[0]).all())


@pytest.mark.parametrize(
    "shape", [(40, 40), (100, 30), (30, 100), (1, 50), (50, 1), (1, 1), (900, 300)], ids=str
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_equal_to_dense_svd(shape, dtype):
    """Where asked to be, the values are LAPACK's in float64, relative to the largest, whatever the shape."""
    matrix = torch.randn(*shape, generator=torch.Generator().manual_seed(3)).to(dtype)
    expected = lapack(matrix, 16)
    assert top_singular_values(matrix, 16, 1e-9).values == pytest.approx(
        expected, abs=1e-9 * expected[0]
    )


@pytest.mark.parametrize("kind", matrices.KINDS)
@pytest.mark.parametrize("dtype", matrices.DTYPES, ids=str)
def test_bounds_hold(kind, dtype):
    """Of any spectrum in any type every value is within its bound, and the bounds within the tolerance."""
    shape = LARGE if dtype in (torch.bfloat16, torch.float64) else LARGE[::-1]
    matrix = matrices.matrix(kind, *shape, dtype, seed=1)
    before = matrix.clone()
    found, expected = top_singular_values(matrix, 16), lapack(matrix, 16)
    assert torch.equal(matrix, before)
    assert held(found, expected)
    assert max(found.bounds) <= TOLERANCE * expected[0]
    assert list(found.values) == sorted(found.values, reverse=True)


@pytest.mark.parametrize("kind", matrices.KINDS)
def test_bounds_hold_of_many_small_matrices(kind, monkeypatch):
    """The same where block Lanczos is made to take matrices that it would be spared."""
    monkeypatch.setattr(spectrum, "SMALL", 24)
    monkeypatch.setattr(spectrum, "PER_RANK", 3)
    draw = np.random.default_rng(len(kind))
    for seed, dtype in enumerate(matrices.DTYPES * 2):
        matrix = matrices.matrix(kind, *draw.integers(30, 150, 2), dtype, seed)
        assert held(top_singular_values(matrix, 16), lapack(matrix, 16)), (seed, dtype)


@pytest.mark.parametrize("rank", [1, 13, 16, 64])
def test_any_rank(rank):
    """As many values come as were asked for."""
    shape = (700, 520) if rank == 64 else LARGE  # large enough for block Lanczos at that rank
    matrix = matrices.matrix("power law 0.7", *shape, torch.bfloat16, seed=rank)
    found = top_singular_values(matrix, rank)
    assert len(found.values) == len(found.bounds) == rank
    assert held(found, lapack(matrix, rank))


def test_more_values_than_there_are():
    """All of them come, of a large matrix too."""
    matrix = matrices.matrix("gaussian", 320, 300, torch.float32, seed=1)
    assert len(top_singular_values(matrix, 400).values) == 300


def test_the_storage_order_does_not_matter():
    """A transposed view has the values of the matrix."""
    matrix = matrices.matrix("gaussian", *LARGE, torch.float16, seed=1)
    assert top_singular_values(matrix.T.contiguous().T, 16).values == pytest.approx(
        top_singular_values(matrix, 16).values, rel=1e-6
    )


@pytest.mark.parametrize("kind", ["gaussian", "outliers 100:1", "low rank", "orthogonal", "tiny"])
@pytest.mark.parametrize("shape", [LARGE, LARGE[::-1]], ids=str)
def test_compiled_or_not(kind, shape, monkeypatch):
    """The products of numpy give the same values where there is no numba."""
    matrix = matrices.matrix(kind, *shape, torch.bfloat16, seed=2)
    compiled = top_singular_values(matrix, 16)
    monkeypatch.setattr("registry.numerics.products.kernels", lambda _: None)
    plain = top_singular_values(matrix, 16)
    assert held(plain, lapack(matrix, 16))
    assert plain.values == pytest.approx(compiled.values, abs=1e-6 * compiled.values[0])


@pytest.mark.parametrize("device", [True, False], ids=["as on a device", "on the CPU"])
def test_several_at_once_are_as_good_as_one_by_one(device, monkeypatch):
    """Matrices of one shape, put in together, keep their own values, whatever way one needs."""
    if device:
        monkeypatch.setattr(spectrum, "krylov", device_spectrum.krylov)
        monkeypatch.setattr(spectrum, "is_on_gpu", lambda _: True)
    kinds = ("gaussian", "power law 0.7", "orthogonal", "low rank", "huge")
    batch = [matrices.matrix(kind, *LARGE, torch.float32, seed=7) for kind in kinds]
    for matrix, found in zip(batch, spectra(batch, 16), strict=True):
        assert held(found, lapack(matrix, 16))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA GPU here")
@pytest.mark.parametrize("dtype", matrices.DTYPES, ids=str)
@pytest.mark.parametrize("shape", [LARGE, LARGE[::-1]], ids=str)
def test_bounds_hold_on_a_gpu(dtype, shape):
    """There too, of all kinds put in together."""
    batch = [matrices.matrix(kind, *shape, dtype, seed=7) for kind in matrices.KINDS]
    for matrix, found in zip(batch, spectra([matrix.cuda() for matrix in batch], 16), strict=True):
        assert held(found, lapack(matrix, 16))


def test_the_same_every_time():
    """No result depends on chance."""
    matrix = matrices.matrix("power law 0.3", *LARGE, torch.bfloat16, seed=4)
    assert top_singular_values(matrix, 16) == top_singular_values(matrix, 16)


def test_known_spectra():
    """Diagonal, rank one and orthogonal matrices have the values that they must have."""
    assert top_singular_values(
        torch.diag(torch.tensor([3.0, -5.0, 1.0])), 2
    ).values == pytest.approx((5.0, 3.0))
    u, v = torch.randn(20, 1), torch.randn(1, 10)
    first, *others = top_singular_values(u @ v, 10).values
    assert first == pytest.approx(float(u.norm() * v.norm()), rel=1e-6)
    assert max(others) < 1e-6 * first
    scaled = torch.linalg.qr(torch.randn(9, 9))[0] * 2
    assert top_singular_values(scaled, 9).values == pytest.approx([2.0] * 9, rel=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e30, 1e160])
@pytest.mark.parametrize("shape", [(8, 8), LARGE], ids=str)
def test_extreme_scales(scale, shape):
    """Squares neither overflow nor vanish."""
    matrix = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(8))
    assert top_singular_values(matrix * scale, 8).values == pytest.approx(
        lapack(matrix, 8) * scale, rel=1e-6
    )


@pytest.mark.parametrize("dtype", matrices.DTYPES, ids=str)
def test_zero_matrices(dtype):
    """A zero matrix has zero values, without doubt."""
    for shape in ((4, 6), LARGE):
        assert top_singular_values(torch.zeros(shape, dtype=dtype), 3) == Spectrum(
            (0.0,) * 3, (0.0,) * 3
        )


def test_nan_and_infinities_count_as_zero():
    """In small matrices and in large ones."""
    matrix = torch.tensor([[2.0, float("nan")], [float("inf"), 1.0]])
    assert top_singular_values(matrix, 2).values == pytest.approx((2.0, 1.0))
    large = matrices.matrix("power law 0.7", *LARGE, torch.bfloat16, seed=5)
    large[3, 4], large[5, 6], large[7, 8] = 0, 0, 0
    expected = top_singular_values(large, 16)
    large[3, 4], large[5, 6], large[7, 8] = float("nan"), float("inf"), -float("inf")
    assert top_singular_values(large, 16).values == pytest.approx(expected.values, rel=1e-6)


def test_a_matrix_of_numpy_needs_no_torch():
    """Of an array in any type the values come without torch, nor scikit-learn."""
    program = """
import sys, ml_dtypes, numpy as np
from registry.numerics.spectrum import spectra
a = np.random.default_rng(0).standard_normal((400, 300))
for dtype in (ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, np.float16, np.float32, np.float64):
    narrow = a.astype(dtype)
    expected = np.linalg.svd(narrow.astype(float), compute_uv=False)[:16]
    for prove in (False, True):
        found, _ = spectra([narrow, narrow], 16, prove=prove)
        assert (np.abs(np.array(found.values) - expected) <= found.bounds).all()
assert not sys.modules.keys() & {"torch", "sklearn", "scipy.optimize"}
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)
