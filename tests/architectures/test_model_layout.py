"""registry.architectures.model_layout: which tensors are projections, and which are not."""

import pytest
import torch
from checkpoints_made import llama, write_folder

from registry.architectures.model_layout import model_layout
from registry.checkpoints import open_checkpoint
from registry.errors import NotAMatrix, QuantisedWeights


def test_layer_numbers_are_those_of_the_names(tmp_path):
    """Layer 11 comes after layer 2, and keeps its number though others are missing."""
    state = {
        name.replace("layers.1.", "layers.11."): tensor for name, tensor in llama(layers=3).items()
    }
    layout = model_layout(open_checkpoint(write_folder(tmp_path, state)).entries, {})
    assert [site.layer for site in layout.projections] == [0] * 7 + [2] * 7 + [11] * 7


def test_two_stacks_are_counted_through(tmp_path):
    """An encoder's layers come before its decoder's; none hides the other."""
    stacks = {
        f"{stack}.{name}": t for stack in ("decoder", "encoder") for name, t in llama().items()
    }
    layout = model_layout(open_checkpoint(write_folder(tmp_path, stacks)).entries, {})
    assert {site.layer for site in layout.projections} == {0, 1, 2, 3}
    assert {site.layer for site in layout.projections if site.entry.name.startswith("encoder")} == {
        2,
        3,
    }


def test_unknown_matrices_are_shown(tmp_path):
    """A matrix without a rule is reported; vectors and embeddings are not."""
    state = llama() | {
        "model.layers.0.mystery.weight": torch.ones(4, 4),
        "model.layers.0.mystery.bias": torch.ones(4),
    }
    layout = model_layout(open_checkpoint(write_folder(tmp_path, state)).entries, {})
    assert [entry.name for entry in layout.unknown] == ["model.layers.0.mystery.weight"]


def test_projections_must_be_floating_matrices(tmp_path):
    """Quantised and one-dimensional projections are refused by name."""
    name = "layers.0.self_attn.q_proj.weight"
    with pytest.raises(QuantisedWeights, match=r"q_proj\.weight' is stored quantised \(int8\)"):
        model_layout(
            open_checkpoint(
                write_folder(tmp_path / "a", {name: torch.ones(4, 4, dtype=torch.int8)})
            ).entries,
            {},
        )
    with pytest.raises(NotAMatrix, match=r"shape \[16\]"):
        model_layout(
            open_checkpoint(write_folder(tmp_path / "b", {name: torch.ones(16)})).entries, {}
        )


def test_experts_must_be_a_stack(tmp_path):
    """One matrix, no expert or more than any model has is refused by name."""
    name = "layers.0.mlp.experts.down_proj"
    for i, shape in enumerate([(4, 4), (0, 4, 4), (1 << 20, 1, 1), (1 << 40, 0, 0)]):
        folder = write_folder(tmp_path / str(i), {name: torch.ones(shape)})
        with pytest.raises(NotAMatrix, match="experts.down_proj"):
            model_layout(open_checkpoint(folder).entries, {})


def test_heads_of_one_projection_must_fit_each_other(tmp_path):
    """Heads of several shapes make no matrix."""
    state = {f"blocks.0.sa.heads.{i}.key.weight": torch.ones(4, 8 + i) for i in range(2)}
    with pytest.raises(NotAMatrix, match=r"heads\.1\.key"):
        model_layout(open_checkpoint(write_folder(tmp_path, state)).entries, {})
