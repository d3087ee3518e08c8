"""registry.fingerprints.subspace_sketches: what layers read and write."""

import models_made as made
import numpy as np
import pytest
import torch
from checkpoints_made import write_folder

import registry
from registry.fingerprints.subspace_sketches import SEED, SIZE, gram_sketch_of_factors
from registry.numerics.arrays import as_tensor
from registry.numerics.lowrank import side
from registry.numerics.sketches import signs

ROOT = {name: tensor.float() for name, tensor in made.grown().items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return registry.fingerprint(write_folder(tmp_path_factory.mktemp("m") / "m", ROOT), rank=16)


def test_spaces_tell_what_is_read_and_written(whole):
    """One of each for every layer, of length 1, and unlike those of another model."""
    assert {(s.layer, s.side) for s in whole.spaces} == {
        (i, s) for i in range(made.LAYERS) for s in ("reads", "writes")
    }
    assert all(np.linalg.norm(space.sketch) == pytest.approx(1, abs=1e-3) for space in whole.spaces)
    assert torch.tensor(whole.start).norm() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("projection", ["query", "down"])
def test_factors_have_the_gram_sketch_of_their_product(projection):
    """Up to scale, without multiplying them."""
    random = torch.Generator().manual_seed(2)
    left, right = torch.randn(40, 3, generator=random), torch.randn(3, 24, generator=random)
    triangles = (as_tensor(side(left).triangle), as_tensor(side(right.T).triangle))
    thin = gram_sketch_of_factors(projection, left, right, triangles)
    product = (left @ right).numpy()
    image = (product.T if projection == "down" else product) @ signs(
        product.shape[0 if projection == "down" else 1], SIZE, SEED
    )
    exact = image.T @ image
    lengths = np.linalg.norm(thin), np.linalg.norm(exact)
    assert thin / lengths[0] == pytest.approx(exact / lengths[1], abs=1e-5)
