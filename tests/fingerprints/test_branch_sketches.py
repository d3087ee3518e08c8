"""The residual stream, and sketches of branches and subspaces, against the products written out."""

import models_made as made
import numpy as np
import pytest
import torch
from checkpoints_made import write_folder

import registry
from registry.architectures.residual_stream import scheme_of, table
from registry.fingerprints.branch_sketches import IN_SEED, OUT_SEED, SIZE
from registry.fingerprints.value_heads import head_size
from registry.numerics.sketches import signs
from registry.numerics.unit_vectors import unit

ROOT = {name: tensor.float() for name, tensor in made.grown().items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return registry.fingerprint(write_folder(tmp_path_factory.mktemp("m") / "m", ROOT), rank=16)


def written_out(layer, branch):
    """M of one branch in float64, values repeated for the queries that share them."""
    own = {
        name.split(f"layers.{layer}.")[1]: t.double()
        for name, t in ROOT.items()
        if f"layers.{layer}." in name
    }
    if branch == "mlp":
        return own[made.DOWN] @ own[made.UP] * own["post_attention_layernorm.weight"]
    values = (
        own[made.V]
        .reshape(made.KEYS, made.HEAD, -1)
        .repeat_interleave(made.HEADS // made.KEYS, 0)
        .flatten(0, 1)
    )
    return own[made.O] @ values * own["input_layernorm.weight"]


@pytest.mark.parametrize("branch", ["attention", "mlp"])
def test_a_branch_is_its_product(whole, branch):
    """A^T M B without its part along A^T B, for every layer."""
    left, right = (signs(made.HIDDEN, SIZE, seed).double() for seed in (OUT_SEED, IN_SEED))
    identity = left.T @ right
    for layer in range(made.LAYERS):
        product = left.T @ written_out(layer, branch) @ right
        product -= (product * identity).sum() / identity.square().sum() * identity
        found = next(b for b in whole.branches if (b.layer, b.branch) == (layer, branch))
        assert float(np.dot(unit(product.flatten().numpy()), found.stream)) == pytest.approx(
            1, abs=1e-3
        )


def test_heads_are_told_from_the_weights():
    """The lengths of values and of what reads them go together under the true size alone."""
    pairs = []
    for layer in range(made.LAYERS):
        value, output = (ROOT[f"model.layers.{layer}.{name}"] for name in (made.V, made.O))
        pairs.append((value.square().sum(1), output.square().sum(0)))
    assert head_size(pairs) == made.HEAD
    assert head_size([]) == 0


@pytest.mark.parametrize("scheme", table()["schemes"], ids=lambda scheme: scheme["models"])
def test_a_scheme_is_known_by_its_marker(scheme):
    """A checkpoint that has a scheme's norms, and no other's marker, has them where the scheme says."""
    sides = ("attention_in", "attention_out", "mlp_in", "mlp_out")
    names = {name for side in sides for name in scheme.get(side, ())} | {scheme.get("marker", "")}
    found = scheme_of(
        names
        - {
            other["marker"]
            for other in table()["schemes"]
            if other is not scheme and "marker" in other
        }
    )
    assert {side: found.get(side) for side in sides} == {side: scheme.get(side) for side in sides}


def test_spaces_tell_what_is_read_and_written(whole):
    """One of each for every layer, of length 1, and unlike those of another model."""
    assert {(s.layer, s.side) for s in whole.spaces} == {
        (i, s) for i in range(made.LAYERS) for s in ("reads", "writes")
    }
    assert all(np.linalg.norm(space.sketch) == pytest.approx(1, abs=1e-3) for space in whole.spaces)
    assert torch.tensor(whole.start).norm() == pytest.approx(1, abs=1e-3)
