"""registry.numerics.lanczos: what it finds, and what it says of what it may have missed."""

import matrices
import numpy as np
import pytest

from registry.numerics.arrays import F32
from registry.numerics.lanczos import Ritz, Space, lanczos, root_error
from registry.numerics.products import Gram

SHAPE = (400, 300)


def array(kind: str, seed: int) -> np.ndarray:
    return matrices.array(kind, *SHAPE, F32, seed)


def found(kind: str, rank: int = 16, block: int = 4) -> tuple[Ritz, np.ndarray]:
    made = array(kind, seed=3)
    ritz = lanczos(Gram(made), rank, block)
    assert ritz is not None
    return ritz, np.linalg.svd(made.astype(float), compute_uv=False)[:rank]


@pytest.mark.parametrize(
    "kind", ["gaussian", "power law 0.3", "power law 1.5", "outliers 100:1", "pruned", "shifted"]
)
@pytest.mark.parametrize("block", [4, 8, 16])
def test_values_and_bounds(kind, block):
    """Values are within their bounds, these near what float32 reaches, and none is doubtful."""
    ritz, expected = found(kind, block=block)
    assert ritz.sure
    assert (np.abs(ritz.values - expected) <= ritz.bounds).all()
    assert ritz.bounds.max() <= 1e-5 * expected[0]


@pytest.mark.parametrize("copies", [2, 3, 4, 5, 9, 30])
def test_more_copies_than_a_block_holds(copies):
    """A value that stands at least as often as a block has vectors leaves a doubt; else none does."""
    values = np.r_[3.0, [2.0] * copies, np.linspace(1.5, 0.1, 299 - copies)]
    made = matrices.with_values(np.random.default_rng(1), *SHAPE, values).astype(F32)
    ritz = lanczos(Gram(made), 16, 4)
    assert ritz is not None
    assert ritz.sure == (copies < 4)
    if ritz.sure:
        assert ritz.values == pytest.approx(values[:16], abs=1e-5)


@pytest.mark.parametrize("kind", ["gaussian", "low rank", "diagonal", "orthogonal"])
def test_the_basis_stays_orthonormal(kind):
    """Also where G of the space lies inside it, so that random vectors have to continue it."""
    space = Space(Gram(array(kind, seed=6)), 16, 4)
    while not space.full:
        space.grow()
    size = space.projection.size
    basis = space.basis[:size]
    assert basis @ basis.T == pytest.approx(np.eye(size), abs=1e-5)


@pytest.mark.parametrize("spoil", [np.nan, np.inf, 1e30, 0.0])
def test_what_float32_cannot_square_is_left(spoil):
    """NaN, infinities, entries that are too large and a matrix of zeros are for others to scale."""
    made = array("gaussian", seed=1)
    if spoil:
        made[7, 5] = spoil
    else:
        made[:] = 0
    assert lanczos(Gram(made), 16, 4) is None


def test_root_error():
    """Roots of numbers that are off by d are off by no more than is said."""
    draw = np.random.default_rng(2)
    true, off = draw.random(10_000), 10.0 ** draw.uniform(-16, 0, 10_000)
    values = np.sqrt((true**2 + off * draw.uniform(-1, 1, 10_000)).clip(0))
    assert (np.abs(values - true) <= root_error(values, off) + 1e-15).all()
