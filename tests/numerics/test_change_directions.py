"""registry.numerics.change_directions: where a change writes to, against LAPACK."""

import numpy as np
import pytest

from registry.numerics.change_directions import KEPT, change_image, shared_energy

DRAW = np.random.default_rng(0)
EARLIER = DRAW.standard_normal((48, 80)).astype(np.float32)


def low_rank(rank: int, seed: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return (draw.standard_normal((48, rank)) @ draw.standard_normal((rank, 80))).astype(np.float32)


@pytest.mark.parametrize("rank", [1, 3, KEPT])
def test_low_ranks_are_exact(rank):
    """Singular values, and what stood in these directions, are LAPACK's."""
    change = low_rank(rank, 1)
    image = change_image(EARLIER + change, EARLIER)
    left, values, _ = np.linalg.svd(change.astype(np.float64))
    assert image.energy == pytest.approx((values**2).sum(), rel=1e-4)
    assert image.values[:rank] == pytest.approx(values[:rank] ** 2, rel=1e-3)
    basis = left[:, :rank]
    assert image.before[:rank].sum() == pytest.approx(((basis.T @ EARLIER) ** 2).sum(), rel=1e-3)
    after = basis.T @ (EARLIER + change)
    assert image.after[:rank].sum() == pytest.approx((after**2).sum(), rel=1e-3)
    product = ((basis.T @ change) * (basis.T @ EARLIER)).sum()
    assert image.product[:rank].sum() == pytest.approx(product, rel=1e-2, abs=1e-2)


def test_equal_matrices_have_none():
    """Nothing changed."""
    assert change_image(EARLIER, EARLIER) is None


def test_the_same_direction_is_shared():
    """Changes of one left vector share it; independent ones do not."""
    left = DRAW.standard_normal((48, 1)).astype(np.float32)
    alike, apart = [], []
    for seed in range(6):
        right = np.random.default_rng(seed).standard_normal((1, 80)).astype(np.float32)
        alike.append(change_image(EARLIER + left @ right, EARLIER))
        apart.append(change_image(EARLIER + low_rank(1, seed), EARLIER))
    assert shared_energy(alike, 1) == pytest.approx(1, abs=1e-3)
    assert shared_energy(apart, 1) < 0.4
