"""registry.numerics.lowrank: products measured from their factors, against the product itself."""

import math

import numpy as np
import pytest
import torch

from registry.numerics.lowrank import product, side
from registry.numerics.moments import Moments, moments


def measured(
    left: torch.Tensor, right: torch.Tensor, scaling: float = 1.0
) -> tuple[Moments, tuple[float, ...]]:
    stats, spectrum = product(side(left), side(right.T), scaling, 64)
    return stats, spectrum.values


def drawn(rows: int, rank: int, cols: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(rows, rank, generator=draw), torch.rand(rank, cols, generator=draw) - 0.3


SHAPES = {
    "thin": (40, 4, 30),
    "rank one": (40, 1, 30),
    "rank as large as the matrix": (12, 20, 9),
    "rank between": (30, 20, 10),
    "one row": (1, 3, 8),
    "rank above 64": (100, 70, 90),
}


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64], ids=str
)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_against_the_product(shape, dtype):
    """Mean, std and singular values are those of the product in float64."""
    left, right = (factor.to(dtype) for factor in drawn(*shape))
    full = 0.3 * left.double() @ right.double()
    stats, values = measured(left, right, 0.3)
    expected = np.linalg.svd(full.numpy(), compute_uv=False)[: min(*shape, 64)]
    assert stats.std == pytest.approx(full.numpy().std(), rel=1e-12)
    assert stats.mean == pytest.approx(float(full.mean()), rel=1e-10)
    assert values == pytest.approx(expected, rel=1e-10, abs=1e-13 * expected[0])
    assert (stats.count, stats.nonfinite) == (full.numel(), 0)


def test_zero():
    """B = 0, where training starts, gives zeros and no NaN."""
    stats, values = measured(torch.zeros(8, 2), torch.ones(2, 5))
    assert (stats.mean, stats.std, values) == (0.0, 0.0, (0.0, 0.0))


def test_closed_forms():
    """Orthogonal columns have the products of their lengths as singular values; a constant product has no spread."""
    left, right = torch.eye(6)[:, :3] * torch.tensor([3.0, 1.0, 2.0]), torch.eye(7)[:3] * 5
    assert measured(left, right, 2.0)[1] == pytest.approx((30.0, 20.0, 10.0))
    stats, values = measured(torch.ones(6, 1), torch.ones(1, 5))
    assert (stats.mean, values) == (1.0, pytest.approx((math.sqrt(30),)))
    assert stats.std < 1e-7


def test_a_negative_scaling():
    """It turns the mean round and leaves the singular values positive."""
    factors = drawn(9, 2, 7)
    (up, values), (down, same) = measured(*factors, 2.0), measured(*factors, -2.0)
    assert (down.mean, down.std, same) == (-up.mean, up.std, values)


@pytest.mark.parametrize("spoil", [math.nan, math.inf, -math.inf])
def test_nonfinite_factors(spoil):
    """They spoil rows and columns of the product, which are left out and counted, as in a matrix at hand."""
    left, right = (factor.double() for factor in drawn(12, 3, 10))
    left[4, 1], right[2, 7] = spoil, spoil
    full = left @ right
    full[4, 7] = math.nan  # whatever the sum of two infinities says
    stats, values = measured(left, right)
    expected = moments(full)
    kept = full.nan_to_num(0.0, 0.0, 0.0).numpy()
    assert (stats.count, stats.nonfinite) == (expected.count, expected.nonfinite) == (99, 21)
    assert (stats.mean, stats.std) == (pytest.approx(expected.mean), pytest.approx(expected.std))
    assert values == pytest.approx(np.linalg.svd(kept, compute_uv=False)[:3])


def test_nothing_finite():
    """Where no entry is left there is nothing to say."""
    stats, values = measured(torch.full((4, 2), math.nan), torch.ones(2, 3))
    assert (stats.count, stats.nonfinite, stats.std, any(values)) == (0, 12, 0.0, False)


@pytest.mark.parametrize("size", [1e-120, 1e120])
def test_extreme_sizes(size):
    """Squares stay inside float64's range."""
    left, right = (factor.double() for factor in drawn(10, 2, 10))
    plain, extreme = measured(left, right), measured(left * size, right)
    assert extreme[0].std / size == pytest.approx(plain[0].std)
    assert np.array(extreme[1]) / size == pytest.approx(np.array(plain[1]))


def test_what_needs_the_entries_is_unknown():
    """Skewness, kurtosis, minimum and maximum would need the product itself."""
    stats, _ = measured(*drawn(5, 2, 5))
    assert all(
        math.isnan(value) for value in (stats.skewness, stats.kurtosis, stats.min, stats.max)
    )


@pytest.mark.parametrize("cancelling", [0.0, 1e-3, 1e-9], ids="cancelling to {}".format)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_bounds_hold(shape, cancelling):
    """Whole numbers, of which the product is exact, and factors whose columns cancel each other all but a share."""
    left, right = ((factor * 64).round().double() for factor in drawn(*shape))
    if cancelling:
        left, right = (
            torch.cat([left, left], 1),
            torch.cat([right, right.round() - (right * cancelling).round()]),
        )
    values = np.linalg.svd((left @ right).numpy(), compute_uv=False)[
        : min(64, *shape[::2], left.shape[1])
    ]
    found = product(side(left), side(right.T), 1.0, 64)[1]
    lapack = 100 * np.finfo(float).eps * values[0]
    assert (np.abs(np.subtract(found.values, values)) <= np.array(found.bounds) + lapack).all()
    assert max(found.bounds) < 1e-12 * float(left.norm() * right.norm())


@pytest.mark.parametrize("condition", [1.0, 30.0, 1e4, 1e5, 1e8, 1e14])
def test_the_triangle_of_any_condition(condition):
    """Cholesky, once or twice, and Householder give the R of the rows, whatever their condition."""
    draw = np.random.default_rng(1)
    left = np.linalg.qr(draw.standard_normal((4000, 16)))[0]
    right = np.linalg.qr(draw.standard_normal((16, 16)))[0]
    rows = (left * np.geomspace(1, 1 / condition, 16)) @ right
    summary = side(rows)
    triangle = summary.triangle * summary.scale
    assert np.linalg.norm(triangle.T @ triangle - rows.T @ rows) <= 1e-14
    values = np.linalg.svd(triangle, compute_uv=False)
    exact = np.linalg.svd(rows, compute_uv=False)
    assert np.abs(values - exact).max() <= 4000 * np.finfo(float).eps
