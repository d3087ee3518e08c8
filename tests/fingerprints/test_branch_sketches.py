"""The residual stream, and sketches of branches and subspaces, against the products written out."""

import models_made as made
import numpy as np
import pytest
from checkpoints_made import write_folder

import registry
from registry.architectures.residual_stream import ResidualStream
from registry.fingerprints.branch_sketches import (
    IN_SEED,
    OUT_SEED,
    SIZE,
    BranchProducts,
    BranchSide,
    common_prefix_length,
)
from registry.numerics.sketches import centred_signs
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
    left, right = (
        centred_signs(made.HIDDEN, SIZE, seed).astype(float) for seed in (OUT_SEED, IN_SEED)
    )
    identity = left.T @ right
    for layer in range(made.LAYERS):
        product = left.T @ written_out(layer, branch).numpy() @ right
        product -= (product * identity).sum() / (identity**2).sum() * identity
        found = next(b for b in whole.branches if (b.layer, b.branch) == (layer, branch))
        assert float(np.dot(unit(product.flatten()), found.stream)) == pytest.approx(1, abs=1e-3)


WIDTH, INNER = 8, 4
STREAM = ResidualStream(WIDTH)


def side(tensor, seed, outward=False, expert=None, inner=INNER):
    """A made-up side of the mlp of layer 0."""
    thin = np.random.default_rng(seed).standard_normal((inner, SIZE))
    return BranchSide(
        layer=0, branch="mlp", expert=expert, outward=outward, tensor=tensor,
        packed=thin.astype(np.float16), scale=1.0, lengths=np.ones(inner),
    )  # fmt: skip


def sketch_of(*pairs):
    """The sketch of the sum of the products of given pairs, which come one after the other."""
    products = BranchProducts(STREAM)
    for inward, outward in pairs:
        products.add(inward)
        products.add(outward)
    [branch] = products.branches()
    return branch.stream


def sketch_in_order(*sides):
    """The sketch of the sides as they come."""
    products = BranchProducts(STREAM)
    for one in sides:
        products.add(one)
    [branch] = products.branches()
    return branch.stream


DENSE = side("layers.0.mlp.up.weight", 1), side("layers.0.mlp.down.weight", 2, outward=True)
SHARED = side("layers.0.shared.up.weight", 3), side("layers.0.shared.down.weight", 4, outward=True)


def test_sides_pair_by_the_beginning_of_their_names():
    """Of two that wait, a side takes the one whose name has more in common, whichever came first."""
    (up, down), (shared_up, shared_down) = DENSE, SHARED
    expected = sketch_of(DENSE, SHARED)
    assert sketch_in_order(up, shared_up, down, shared_down) == expected
    assert sketch_in_order(shared_up, up, down, shared_down) == expected
    assert sketch_in_order(shared_down, down, shared_up, up) == expected


def test_endings_tell_no_pairs():
    """A limit: names that differ in their endings alone are paired in the order in which they come."""
    ups = side("layers.0.up_a", 1), side("layers.0.up_b", 3)
    downs = side("layers.0.down_a", 2, outward=True), side("layers.0.down_b", 4, outward=True)
    true_pairs = sketch_of((ups[0], downs[0]), (ups[1], downs[1]))
    crossed = sketch_of((ups[0], downs[1]), (ups[1], downs[0]))
    assert sketch_in_order(*ups, *downs) == true_pairs
    assert sketch_in_order(*ups, *reversed(downs)) == crossed
    assert crossed != true_pairs


def test_a_side_that_meets_only_a_foreign_side_takes_it():
    """Another limit: its own would have come later."""
    (up, down), (shared_up, shared_down) = DENSE, SHARED
    crossed = sketch_of((up, shared_down), (shared_up, down))
    assert sketch_in_order(up, shared_down, shared_up, down) == crossed
    assert crossed != sketch_of(DENSE, SHARED)


@pytest.mark.parametrize(
    "other",
    [{"expert": 1}, {"inner": INNER + 1}],
    ids=["another expert", "another number of neurons"],
)
def test_sides_of_other_keys_never_pair(other):
    """However alike their names are: there is no product at all."""
    products = BranchProducts(STREAM)
    products.add(side("layers.0.mlp.up", 1))
    products.add(side("layers.0.mlp.down", 2, outward=True, **other))
    assert products.branches() == ()


@pytest.mark.parametrize(
    ("one", "other", "length"),
    [("", "", 0), ("a.up", "a.down", 2), ("a.up", "a.up_b", 4), ("b", "a", 0), ("abc", "abc", 3)],
)
def test_common_beginnings(one, other, length):
    """Counted in characters."""
    assert common_prefix_length(one, other) == common_prefix_length(other, one) == length
