"""registry.numerics.gram_spectrum: singular values from the Gram matrix in float64."""

import matrices
import numpy as np
import pytest
import torch

from registry.numerics import device_gram
from registry.numerics.arrays import BF16
from registry.numerics.gram_spectrum import (
    gram_matrix,
    gram_singular_values,
    quick_is_enough,
    quick_singular_values,
)


@pytest.mark.parametrize("kind", matrices.KINDS)
@pytest.mark.parametrize("dtype", matrices.DTYPES, ids=str)
def test_bounds_hold(kind, dtype):
    """Every value is within its bound, which is far below the tolerance where the value itself is not tiny."""
    matrix = matrices.matrix(kind, 120, 70, dtype, seed=1)
    values, bounds = gram_singular_values(matrix, 70)
    expected = np.linalg.svd(matrix.double().numpy(), compute_uv=False)
    assert (np.abs(values - expected) <= bounds + 1e-14 * expected[0]).all()
    assert (bounds[values > 1e-3 * values[0]] <= 1e-9 * values[0]).all()
    assert bounds.max() <= 1e-6 * values[0]


def test_the_gram_matrix_is_of_the_smaller_side():
    """A wide matrix is taken from the other side; float64's largest magnitude is divided out."""
    matrix = torch.tensor([[0.0, 4.0, 0.0], [2.0, 0.0, 0.0]], dtype=torch.float64)
    gram, scale = gram_matrix(matrix)
    assert scale == 4
    assert gram.tolist() == [[1.0, 0.0], [0.0, 0.25]]


def test_the_matrix_is_left_as_it_is():
    """Also where it needs no conversion."""
    matrix = torch.tensor([[float("nan"), 2.0], [3.0, 4.0]], dtype=torch.float64)
    before = matrix.clone()
    gram_singular_values(matrix, 2)
    assert torch.equal(matrix, before) or matrix.isnan()[0, 0]
    assert matrix[1].tolist() == [3.0, 4.0]


def test_on_a_device():
    """What sums where the matrix lies gives the same Gram matrix, scaled."""
    matrix = matrices.matrix("power law 0.7", 30, 40, torch.bfloat16, seed=1)
    matrix[2, 3] = float("nan")
    on_device, host = device_gram.gram_matrix(matrix), gram_matrix(matrix)
    lower = np.tril(on_device.lower) * on_device.scale**2
    assert lower == pytest.approx(np.tril(host.lower) * host.scale**2, rel=1e-12)


@pytest.mark.parametrize("kind", matrices.KINDS)
def test_bounds_hold_with_sums_in_float32(kind):
    """Of bfloat16, for every kind that float32 has the range for, and no bound is wide."""
    for seed, shape in enumerate([(300, 200), (90, 700), (1000, 40), (30, 30)]):
        matrix = matrices.array(kind, *shape, BF16, seed)
        found = quick_singular_values(matrix, 16)
        if found is None:
            assert kind in {"tiny", "huge", "zero"}
            continue
        expected = np.linalg.svd(matrix.astype(float), compute_uv=False)[:16]
        assert (np.abs(found.values - expected) <= found.bounds + 1e-14 * expected[0]).all()
        assert (found.bounds * found.values).max() <= 4e-6 * expected[0] ** 2


@pytest.mark.parametrize("spoil", [np.nan, np.inf, 1e30])
def test_what_float32_cannot_sum_is_left(spoil):
    """NaN, infinities and entries whose squares are too large are for float64."""
    matrix = matrices.array("gaussian", 50, 40, BF16, 1)
    matrix[3, 4] = spoil
    assert not quick_is_enough(matrix, 16, 1e-5)
    assert quick_singular_values(matrix, 16) is None


def uneven(kind: str, shape: tuple[int, int], seed: int) -> np.ndarray:
    """Return a matrix in bfloat16 of which few rows, columns or elements are far above the rest."""
    draw = np.random.default_rng(seed)
    values = draw.standard_normal(shape)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    factors = {
        "rows": 1.0 + 1000 * (draw.random((shape[0], 1)) < 0.02),
        "columns": 1.0 + 1000 * (draw.random((1, shape[1])) < 0.02),
        "column": 1.0 + 1000 * (columns == 0),
        "element": 1.0 + 1000 * ((rows == 1) & (columns == 2)),
        "row of each block": np.where(rows % 256, 2.0**-12, 1.0),
        "spread": np.exp(2 * draw.standard_normal((1, shape[1]))),
    }
    if kind == "row of each block":
        values = 1 + 0.1 * values
    return (values * factors[kind]).astype(BF16)


@pytest.mark.parametrize(
    "kind", ["rows", "columns", "column", "element", "row of each block", "spread"]
)
def test_bounds_hold_of_uneven_matrices(kind):
    """Small terms are lost beside large sums in float32, but no more than the bound says."""
    for seed, shape in enumerate([(700, 60), (1500, 90), (2600, 40), (50, 1200)]):
        matrix = uneven(kind, shape, seed)
        quick = quick_singular_values(matrix, 20)
        values, bounds = gram_singular_values(matrix, 20)
        assert (np.abs(quick.values - values) <= 0.5 * quick.bounds + bounds).all()


@pytest.mark.parametrize(
    ("kind", "enough"),
    [("gaussian", True), ("power law 0.7", True), ("outliers 100:1", False), ("zero", False)],
)
def test_float32_is_left_aside_where_it_says_too_little(kind, enough):
    """A few rows tell whether the bounds will be narrow enough, and they are."""
    matrix = matrices.array(kind, 1200, 300, BF16, 2)
    assert quick_is_enough(matrix, 64, 1e-5) == enough
    if enough:
        found = quick_singular_values(matrix, 64)
        assert found.bounds.max() <= 1e-5 * found.values[0]
