"""registry.numerics.lanczos: what it finds, and what it says of what it may have missed."""

import matrices
import numpy as np
import pytest
import torch

from registry.numerics.lanczos import Space, lanczos, root_error
from registry.numerics.products import Gram

SHAPE = (400, 300)


def found(kind: str, rank: int = 16, block: int = 4):
    made = matrices.matrix(kind, *SHAPE, torch.float32, seed=3)
    return lanczos(Gram(made[None]), rank, block), np.linalg.svd(
        made.double().numpy(), compute_uv=False
    )[:rank]


@pytest.mark.parametrize(
    "kind", ["gaussian", "power law 0.3", "power law 1.5", "outliers 100:1", "pruned", "shifted"]
)
@pytest.mark.parametrize("block", [4, 8, 16])
def test_values_and_bounds(kind, block):
    """The values are within their bounds, the bounds near what float32 reaches, and none is doubtful."""
    ritz, expected = found(kind, block=block)
    assert ritz.sure.all()
    assert (np.abs(ritz.values[0] - expected) <= ritz.bounds[0]).all()
    assert ritz.bounds.max() <= 1e-5 * expected[0]


@pytest.mark.parametrize("copies", [2, 3, 4, 5, 9, 30])
def test_more_copies_than_a_block_holds(copies):
    """A value that stands at least as often as a block has vectors leaves a doubt; fewer copies are all found."""
    values = np.r_[3.0, [2.0] * copies, np.linspace(1.5, 0.1, 299 - copies)]
    made = torch.from_numpy(matrices.with_values(np.random.default_rng(1), *SHAPE, values)).float()
    ritz = lanczos(Gram(made[None]), 16, 4)
    assert ritz.sure[0] == (copies < 4)
    if ritz.sure[0]:
        assert ritz.values[0] == pytest.approx(values[:16], abs=1e-5)


@pytest.mark.slow
def test_a_batch_is_as_good_as_its_parts():
    """Several matrices of one shape go through together."""
    kinds = ("gaussian", "power law 0.7", "outliers 100:1")
    parts = [matrices.matrix(kind, *SHAPE, torch.bfloat16, seed=5) for kind in kinds]
    ritz = lanczos(Gram(torch.stack(parts)), 16, 4)
    expected = np.linalg.svd(torch.stack(parts).double().numpy(), compute_uv=False)[:, :16]
    assert ritz.sure.all()
    assert (np.abs(ritz.values - expected) <= ritz.bounds).all()


@pytest.mark.parametrize("kind", ["gaussian", "low rank", "diagonal", "orthogonal"])
def test_the_basis_stays_orthonormal(kind):
    """Also where G of the space lies inside it, so that random vectors have to continue it."""
    made = matrices.matrix(kind, *SHAPE, torch.float32, seed=6)
    space = Space(Gram(made[None]), 16, 4)
    while not space.full:
        space.grow()
    basis = space.basis[0, : space.size]
    assert torch.allclose(basis @ basis.T, torch.eye(space.size), atol=1e-5)


def test_root_error():
    """Roots of numbers that are off by d are off by no more than is said."""
    draw = np.random.default_rng(2)
    true, off = draw.random(10_000), 10.0 ** draw.uniform(-16, 0, 10_000)
    squares = true**2 + off * draw.uniform(-1, 1, 10_000)
    values = torch.from_numpy(np.sqrt(squares.clip(0)))
    assert (
        np.abs(values.numpy() - true) <= root_error(values, torch.from_numpy(off)).numpy() + 1e-15
    ).all()
