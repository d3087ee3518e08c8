"""registry.numerics.spectrum."""

import numpy as np
import pytest
import torch

from registry.numerics.spectrum import normalised, top_singular_values


@pytest.mark.parametrize("shape", [(40, 40), (100, 30), (30, 100), (1, 50), (50, 1), (1, 1), (3000, 900)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_equal_to_dense_svd(shape, dtype):
    """The values are LAPACK's in float64, relative to the largest, whatever the shape."""
    matrix = torch.randn(*shape, generator=torch.Generator().manual_seed(3)).to(dtype)
    expected = np.linalg.svd(matrix.double().numpy(), compute_uv=False)[:16]
    assert top_singular_values(matrix, 16).values == pytest.approx(expected, abs=1e-9 * expected[0])


def test_known_spectra():
    """Diagonal, rank one and orthogonal matrices have the values that they must have."""
    assert top_singular_values(torch.diag(torch.tensor([3.0, -5.0, 1.0])), 2).values == pytest.approx((5.0, 3.0))
    u, v = torch.randn(20, 1), torch.randn(1, 10)
    first, *others = top_singular_values(u @ v, 10).values
    assert first == pytest.approx(float(u.norm() * v.norm()), rel=1e-6)
    assert max(others) < 1e-6 * first
    assert top_singular_values(torch.linalg.qr(torch.randn(9, 9))[0] * 2, 9).values == pytest.approx(
        [2.0] * 9, rel=1e-6
    )


@pytest.mark.parametrize("scale", [1e-30, 1e30, 1e160])
def test_extreme_scales(scale):
    """Squares neither overflow nor vanish."""
    matrix = torch.randn(8, 8, dtype=torch.float64)
    expected = np.linalg.svd(matrix.numpy(), compute_uv=False) * scale
    assert top_singular_values(matrix * scale, 8).values == pytest.approx(expected, rel=1e-6)


def test_zero_and_nonfinite():
    """A zero matrix has zero values; NaN and infinities count as zero."""
    assert top_singular_values(torch.zeros(4, 6), 3).values == (0.0, 0.0, 0.0)
    matrix = torch.tensor([[2.0, float("nan")], [float("inf"), 1.0]])
    assert top_singular_values(matrix, 2).values == pytest.approx((2.0, 1.0))


def test_normalised_rows_have_unit_length():
    """Short spectra are padded with zeros, long ones cut, each row scaled to length 1."""
    rows = normalised([(3.0, 4.0, 9.0), (2.0,)], 2)
    assert rows.tolist() == [[0.6, 0.8], [1.0, 0.0]]
