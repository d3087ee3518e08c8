"""registry.fingerprints.own_sketches: the middle layers in axes that the model itself gives."""

import models_made as made
import numpy as np
import pytest
import torch
from checkpoints_made import write_folder

import registry
from registry.architectures.projection_tensors import ProjectionTensor
from registry.architectures.residual_stream import ResidualStream
from registry.checkpoints import Entry
from registry.fingerprints import compute, own_sketches
from registry.fingerprints.device import CPU
from registry.fingerprints.matrix_place import MatrixPlace
from registry.fingerprints.own_sketches import LAYERS, SidePair, middle_layers, square_map

AXES = 24


def saved(folder, tensors):
    """Write a checkpoint that says how many heads share keys and values."""
    separate = {name: tensor.clone() for name, tensor in tensors.items()}
    return write_folder(folder, separate, {"num_key_value_heads": made.KEYS})


def singular_values(fingerprint) -> np.ndarray:
    """Return those of every sketch, by branch, attention's scores last."""
    sketches = [branch.own for branch in fingerprint.branches]
    sketches += [branch.scores for branch in fingerprint.branches if branch.scores]
    return np.linalg.svd(np.reshape(sketches, (-1, AXES, AXES)), compute_uv=False)


def test_every_product_of_a_small_model_has_a_sketch(tmp_path):
    """Attention and the mlp, and beside attention the queries and keys."""
    found = registry.fingerprint(saved(tmp_path / "m", made.grown()), rank=16)
    for branch in found.branches:
        assert np.linalg.norm(branch.own) == pytest.approx(1, abs=1e-3)
        assert (branch.scores is not None) == (branch.branch == "attention")


@pytest.mark.parametrize("change", ["rotated", "neurons_permuted", "heads_permuted"])
def test_axes_change_nothing_but_the_sketches_own_axes(tmp_path, change):
    """Singular values stay, however the stream, the neurons and the heads are arranged."""
    root = made.grown()
    child = getattr(made, change)(root)
    plain = singular_values(registry.fingerprint(saved(tmp_path / "m", root), rank=16))
    changed = singular_values(registry.fingerprint(saved(tmp_path / "n", child), rank=16))
    assert changed == pytest.approx(plain, abs=0.02)


def test_tensors_that_do_not_fit_memory_are_read_again(tmp_path, monkeypatch):
    """With the same result as if they were held."""
    folder = saved(tmp_path / "m", made.grown())
    held = registry.fingerprint(folder, rank=16)
    monkeypatch.setattr(own_sketches, "HELD", 0)
    assert registry.fingerprint(folder, rank=16) == held


def test_the_middle_layers_are_chosen():
    """At most six; of fewer layers all."""
    assert list(middle_layers(range(4))) == [0, 1, 2, 3]
    assert list(middle_layers(range(32))) == [13, 14, 15, 16, 17, 18]
    assert len(middle_layers(range(33))) == LAYERS


def test_deep_models_have_sketches_of_the_middle_alone(tmp_path):
    """The other layers' branches have none."""
    found = registry.fingerprint(saved(tmp_path / "m", made.grown(layers=9)), rank=16)
    layers = {branch.layer for branch in found.branches if branch.own}
    assert layers == set(range(1, 7))


def test_a_zero_branch_has_no_sketch(tmp_path):
    """The others have theirs."""
    tensors = made.grown()
    tensors[f"model.layers.1.{made.DOWN}"] = torch.zeros(made.HIDDEN, made.INNER)
    found = registry.fingerprint(saved(tmp_path / "m", tensors), rank=16)
    places = {(branch.layer, branch.branch) for branch in found.branches if branch.own}
    assert (1, "mlp") not in places
    assert (1, "attention") in places


@pytest.mark.parametrize("held", [1 << 30, 0])
def test_stacked_experts_are_read_once_for_all(held, monkeypatch):
    """A tensor that holds many experts is not read again for each of them."""
    monkeypatch.setattr(own_sketches, "HELD", held)
    reads = []
    experts, inner, width = 4, 6, 8
    pairs = stacked_pairs(experts, inner, width, reads)
    stream = ResidualStream(width)
    square = square_map((0, "mlp"), pairs, stream, 0, CPU)
    before = len(reads)
    square.apply(np.eye(width, dtype=np.float32))
    assert before == 2
    assert len(reads) - before == (0 if held else 2)


def stacked_pairs(experts: int, inner: int, width: int, reads: list[str]) -> list[SidePair]:
    """Return the pairs of an mlp whose experts are stacked, that note what is read."""
    draw = torch.Generator().manual_seed(0)
    tensors = {}
    for part, shape in (("up", (experts, inner, width)), ("down", (experts, width, inner))):
        values = torch.randn(*shape, generator=draw)

        def read(part: str = part, values: torch.Tensor = values) -> torch.Tensor:
            reads.append(part)
            return values

        entry = Entry(name=part, dtype=torch.float32, shape=shape, read=read)
        tensors[part] = ProjectionTensor(
            entry, "made", 0, (part,) * experts, tuple(range(experts)), False, (shape[1],), 1
        )
    return [
        SidePair(MatrixPlace(tensors["up"], expert), MatrixPlace(tensors["down"], expert))
        for expert in range(experts)
    ]


def test_values_whose_heads_are_unknown_have_no_product(tmp_path, monkeypatch):
    """They cannot be put beside the outputs that read them; all else has its sketches."""

    def with_unknown_heads(layout, stream, _, options, finished):
        return own_sketches.own_sketches(layout, stream, 0, options, finished)

    monkeypatch.setattr(compute, "own_sketches", with_unknown_heads)
    fingerprint = registry.fingerprint(saved(tmp_path / "m", made.grown()), rank=16)
    own = {branch.branch: branch.own is not None for branch in fingerprint.branches}
    assert own == {"attention": False, "mlp": True}
