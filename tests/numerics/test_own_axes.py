"""registry.numerics.own_axes."""

import pytest
import torch

from registry.numerics.own_axes import AXES, LeadingPart, SquareMap, in_own_axes, leading_part

WIDTH = 64


def decaying(seed: int) -> torch.Tensor:
    """Return a square matrix whose singular values fall quickly."""
    draw = torch.Generator().manual_seed(seed)
    left, right = (torch.randn(WIDTH, WIDTH, generator=draw) for _ in range(2))
    values = 0.7 ** torch.arange(WIDTH)
    return torch.linalg.qr(left)[0] * values @ torch.linalg.qr(right)[0]


def as_map(matrix: torch.Tensor) -> SquareMap:
    """Return a matrix as a map."""
    return SquareMap(
        width=len(matrix),
        apply=lambda block: matrix @ block,
        apply_transposed=lambda block: matrix.T @ block,
        trace=float(matrix.trace()),
    )


def leading(matrix: torch.Tensor) -> LeadingPart:
    """Return the leading part of a matrix that has one."""
    part = leading_part(as_map(matrix))
    assert part is not None
    return part


def test_leading_part_is_the_truncated_svd():
    """Of the map without its trace, scaled to length 1."""
    matrix = decaying(0)
    rest = matrix - matrix.trace() / WIDTH * torch.eye(WIDTH)
    part = leading(matrix)
    product = part.left @ part.right.T
    expected = (rest / rest.norm()).double()
    assert float((product - expected).norm()) < 1e-2


def test_the_identity_has_no_leading_part():
    """Nothing is left without the trace."""
    assert leading_part(as_map(torch.eye(WIDTH))) is None


def test_values_beyond_float32_have_no_leading_part():
    """Their products overflow."""
    assert leading_part(as_map(torch.full((WIDTH, WIDTH), 3e38))) is None


def test_a_rotated_space_gives_the_same_maps():
    """But for a rotation within the kept axes: their singular values stay."""
    draw = torch.Generator().manual_seed(7)
    turn, _ = torch.linalg.qr(torch.randn(WIDTH, WIDTH, generator=draw))
    matrices = [decaying(seed) for seed in range(3)]
    plain = in_own_axes([leading(matrix) for matrix in matrices])
    rotated = in_own_axes([leading(turn.T @ matrix @ turn) for matrix in matrices])
    for one, other in zip(plain, rotated, strict=True):
        assert one.shape == (AXES, AXES)
        values, other_values = torch.linalg.svdvals(one), torch.linalg.svdvals(other)
        assert other_values == pytest.approx(values, abs=1e-3)


def test_a_narrow_space_has_fewer_axes():
    """What is missing is zero."""
    matrix = torch.diag(torch.arange(1.0, 9.0))
    [square] = in_own_axes([leading(matrix)])
    assert square.shape == (AXES, AXES)
    assert not square[8:].any()
    assert not square[:, 8:].any()
