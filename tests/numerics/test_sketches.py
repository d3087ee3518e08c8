"""registry.numerics.sketches: linear images that keep angles and lengths."""

import pytest
import torch

from registry.numerics import sketches

DRAW = torch.Generator().manual_seed(0)
ONE, OTHER = (torch.randn(700, 500, generator=DRAW) for _ in range(2))


def test_signs_are_drawn_once_for_all():
    """The first rows are the same whatever the count, and no two columns agree."""
    few, many = sketches.signs(100, 16, 5), sketches.signs(1000, 16, 5)
    assert torch.equal(few, many[:100])
    assert set(many.unique().tolist()) == {-1.0, 1.0}
    assert (many.T @ many / 1000 - torch.eye(16)).abs().max() < 0.15


def test_products_are_those_of_float64():
    """From any floating type; what is not finite counts as zero."""
    right = sketches.signs(500, 8, 1)
    damaged = ONE.bfloat16().clone()
    damaged[0, 0], damaged[1, 1] = float("nan"), float("inf")
    expected = torch.nan_to_num(damaged.double(), 0.0, 0.0, 0.0) @ right.double()
    assert torch.allclose(sketches.times(damaged, right).double(), expected, atol=1e-4)
    assert torch.allclose(sketches.transposed_times(damaged.T, right).double(), expected, atol=1e-4)


def test_folding_keeps_angles():
    """Tensors at 60 degrees come out at 60 degrees, give or take what 256 numbers tell."""
    one, other = ONE[:100, :200], OTHER[:100, :200]
    mixed = 0.5 * one + 0.75**0.5 * other
    cosine = float(sketches.folded(one, 256) @ sketches.folded(mixed, 256))
    assert cosine == pytest.approx(0.5, abs=0.15)
    assert not sketches.folded(torch.zeros(9, 9), 256).any()


@pytest.mark.parametrize(
    "convert", [torch.Tensor.double, torch.Tensor.numpy], ids=["torch", "numpy"]
)
def test_without_the_identity(convert):
    """What is left of a sketch is at right angles to that of the identity, whatever share it had."""
    identity, other = convert(ONE[:16, :16]), convert(OTHER[:16, :16])
    rest = sketches.without_identity(other + 3 * identity, identity)
    assert float((rest * identity).sum()) == pytest.approx(0.0, abs=1e-3)
    assert abs(rest - sketches.without_identity(other, identity)).max() < 1e-5
    assert not sketches.without_identity(2 * identity, identity).any()


@pytest.mark.parametrize("size", [4, 16])
def test_a_sketch_from_factors(size):
    """The sketch of a product is that of its factors, and linear."""
    left, right = ONE[:, :3], OTHER[:3]
    whole = sketches.sketch(left @ right, size)
    scale = float(whole.abs().max())
    assert torch.allclose(sketches.thin_sketch(left, right, size), whole, atol=1e-5 * scale)
    assert torch.allclose(sketches.sketch(-2 * left @ right, size), -2 * whole, atol=1e-5 * scale)


@pytest.mark.parametrize(("bits", "most"), [(4, 0.12), (8, 0.7)])
def test_a_grid_has_few_values(bits, most):
    """The fewer bits, the fewer different neighbours; zeros are counted."""
    step = ONE.abs().max() / 2 ** (bits - 1)
    whole, zeros = sketches.texture(ONE.bfloat16())
    share, _ = sketches.texture((ONE / step).round() * step)
    assert share < most < whole
    assert zeros == 0
    assert sketches.texture(torch.zeros(10, 10))[1] == 1.0
