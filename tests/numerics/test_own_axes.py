"""registry.numerics.own_axes."""

import numpy as np
import pytest

from registry.numerics.own_axes import (
    AXES,
    LeadingPart,
    SquareMap,
    basis_by_cholesky,
    in_own_axes,
    leading_part,
    orthonormal,
)

WIDTH = 64


def decaying(seed: int) -> np.ndarray:
    """Return a square matrix whose singular values fall quickly."""
    draw = np.random.default_rng(seed)
    left, right = (draw.standard_normal((WIDTH, WIDTH)) for _ in range(2))
    values = 0.7 ** np.arange(WIDTH)
    matrix = np.linalg.qr(left)[0] * values @ np.linalg.qr(right)[0]
    return matrix.astype(np.float32)


def as_map(matrix: np.ndarray) -> SquareMap:
    """Return a matrix as a map."""
    return SquareMap(
        width=len(matrix),
        apply=lambda block: matrix @ block,
        apply_transposed=lambda block: matrix.T @ block,
        trace=float(matrix.trace(dtype=float)),
    )


def leading(matrix: np.ndarray) -> LeadingPart:
    """Return the leading part of a matrix that has one."""
    part = leading_part(as_map(matrix))
    assert part is not None
    return part


def test_leading_part_is_the_truncated_svd():
    """Of the map without its trace, scaled to length 1."""
    matrix = decaying(0)
    rest = matrix - matrix.trace() / WIDTH * np.eye(WIDTH)
    part = leading(matrix)
    product = part.left @ part.right.T
    expected = rest / np.linalg.norm(rest)
    assert float(np.linalg.norm(product - expected)) < 1e-2


def test_the_identity_has_no_leading_part():
    """Nothing is left without the trace."""
    assert leading_part(as_map(np.eye(WIDTH, dtype=np.float32))) is None


def test_values_beyond_float32_have_no_leading_part():
    """Their products overflow."""
    assert leading_part(as_map(np.full((WIDTH, WIDTH), 3e38, np.float32))) is None


def test_a_rotated_space_gives_the_same_maps():
    """But for a rotation within the kept axes: their singular values stay."""
    turn, _ = np.linalg.qr(np.random.default_rng(7).standard_normal((WIDTH, WIDTH)))
    matrices = [decaying(seed) for seed in range(3)]
    plain = in_own_axes([leading(matrix) for matrix in matrices])
    rotated = in_own_axes([leading(turn.T @ matrix @ turn) for matrix in matrices])
    for one, other in zip(plain, rotated, strict=True):
        assert one.shape == (AXES, AXES)
        values, other_values = (np.linalg.svd(maps, compute_uv=False) for maps in (one, other))
        assert other_values == pytest.approx(values, abs=1e-3)


def test_a_narrow_space_has_fewer_axes():
    """What is missing is zero."""
    matrix = np.diag(np.arange(1.0, 9.0, dtype=np.float32))
    [square] = in_own_axes([leading(matrix)])
    assert square.shape == (AXES, AXES)
    assert not square[8:].any()
    assert not square[:, 8:].any()


@pytest.mark.parametrize("smallest", [1e-2, 1e-6, 0.0])
def test_bases_are_orthonormal(smallest):
    """From the Gram matrix where the columns are independent enough, else by QR."""
    lengths = np.geomspace(1, smallest, 8) if smallest else np.eye(8)[0]
    block = np.random.default_rng(3).standard_normal((WIDTH, 8)) * lengths
    basis = orthonormal(block.astype(np.float32)).astype(np.float64)
    assert basis.T @ basis == pytest.approx(np.eye(8), abs=1e-6)
    assert (basis_by_cholesky(block) is None) == (smallest < 1e-3)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_no_basis_of_what_is_not_finite(bad):
    """It holds NaN."""
    block = np.ones((WIDTH, 2), np.float32)
    block[0, 0] = bad
    with np.errstate(invalid="ignore"):
        assert np.isnan(orthonormal(block)).any()
