"""registry.numerics.sketches: linear images that keep angles and lengths."""

import ml_dtypes
import numpy as np
import pytest

from registry.numerics import sketches

DRAW = np.random.default_rng(0)
ONE, OTHER = (DRAW.standard_normal((700, 500), np.float32) for _ in range(2))


def test_signs_are_drawn_once_for_all():
    """The first rows are the same whatever the count, and no two columns agree."""
    few, many = sketches.signs(100, 16, 5), sketches.signs(1000, 16, 5)
    assert (few == many[:100]).all()
    assert set(np.unique(many).tolist()) == {-1.0, 1.0}
    assert np.abs(many.T @ many / 1000 - np.eye(16)).max() < 0.15


def test_folding_keeps_angles():
    """Tensors at 60 degrees come out at 60 degrees, give or take what 256 numbers tell."""
    one, other = ONE[:100, :200], OTHER[:100, :200]
    mixed = 0.5 * one + 0.75**0.5 * other
    cosine = float(sketches.folded(one, 256) @ sketches.folded(mixed, 256))
    assert cosine == pytest.approx(0.5, abs=0.15)
    assert not sketches.folded(np.zeros((9, 9)), 256).any()


def test_without_the_identity():
    """What is left of a sketch is at right angles to that of the identity, whatever share it had."""
    identity, other = ONE[:16, :16], OTHER[:16, :16]
    rest = sketches.without_identity(other + 3 * identity, identity)
    assert float((rest * identity).sum()) == pytest.approx(0.0, abs=1e-3)
    assert abs(rest - sketches.without_identity(other, identity)).max() < 1e-5
    assert not sketches.without_identity(2 * identity, identity).any()


@pytest.mark.parametrize("size", [4, 16])
def test_a_sketch_from_factors(size):
    """The sketch of a product is that of its factors, and linear."""
    left, right = ONE[:, :3], OTHER[:3]
    rows, columns = (
        sketches.signs(count, size, seed)
        for count, seed in ((700, sketches.ROWS_SEED), (500, sketches.COLUMNS_SEED))
    )
    whole = rows.T @ (left @ right) @ columns / size
    scale = float(np.abs(whole).max())
    assert sketches.thin_sketch(left, right, size) == pytest.approx(whole, abs=1e-5 * scale)
    assert sketches.thin_sketch(-2 * left, right, size) == pytest.approx(
        -2 * whole, abs=1e-5 * scale
    )


@pytest.mark.parametrize(("bits", "most"), [(4, 0.12), (8, 0.7)])
def test_a_grid_has_few_values(bits, most):
    """The fewer bits, the fewer different neighbours; zeros are counted."""
    step = np.abs(ONE).max() / 2 ** (bits - 1)
    whole, zeros = sketches.texture(ONE.astype(ml_dtypes.bfloat16))
    share, _ = sketches.texture(np.round(ONE / step) * step)
    assert share < most < whole
    assert zeros == 0
    assert sketches.texture(np.zeros((10, 10)))[1] == 1.0
