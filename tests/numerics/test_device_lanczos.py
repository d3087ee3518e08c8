"""registry.numerics.device_lanczos, with tensors in the host's memory."""

import matrices
import numpy as np
import pytest
import torch

from registry.numerics.device_lanczos import Space, lanczos
from registry.numerics.device_products import Gram

SHAPE = (400, 300)
KINDS = ("gaussian", "power law 0.7", "outliers 100:1")


@pytest.mark.parametrize("block", [4, 8])
def test_a_batch_is_as_good_as_its_parts(block):
    """Several matrices of one shape go through together; every value is within its bound."""
    parts = [matrices.matrix(kind, *SHAPE, torch.bfloat16, seed=5) for kind in KINDS]
    ritz = lanczos(Gram(torch.stack(parts)), 16, block)
    expected = np.linalg.svd(torch.stack(parts).double().numpy(), compute_uv=False)[:, :16]
    assert ritz.sure.all()
    assert (np.abs(ritz.values - expected) <= ritz.bounds).all()


@pytest.mark.parametrize("copies", [3, 4])
def test_more_copies_than_a_block_holds(copies):
    """A value that stands at least as often as a block has vectors leaves a doubt; else none does."""
    values = np.r_[3.0, [2.0] * copies, np.linspace(1.5, 0.1, 299 - copies)]
    made = torch.from_numpy(matrices.with_values(np.random.default_rng(1), *SHAPE, values)).float()
    ritz = lanczos(Gram(made[None]), 16, 4)
    assert ritz.sure[0] == (copies < 4)


@pytest.mark.parametrize("kind", ["gaussian", "low rank"])
def test_the_basis_stays_orthonormal(kind):
    """Also where G of the space lies inside it, so that random vectors have to continue it."""
    made = matrices.matrix(kind, *SHAPE, torch.float32, seed=6)
    space = Space(Gram(made[None]), 16, 4)
    while not space.full:
        space.grow()
    basis = space.basis[0, : space.size]
    assert torch.allclose(basis @ basis.T, torch.eye(space.size), atol=1e-5)
