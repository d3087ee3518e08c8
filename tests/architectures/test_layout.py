"""registry.architectures.layout: names and shapes become projections, element for element as the model computes."""

import contextlib
from pathlib import Path

import pytest
import torch
from adapters_made import write_adapter
from architectures import ARCHITECTURES
from checkpoints_made import llama, write_folder
from layouts_made import cut

from registry.architectures.layout import layout_of, require_projections
from registry.architectures.model_layout import model_layout
from registry.checkpoints import open_checkpoint
from registry.checkpoints.limits import limit
from registry.errors import NoProjections, TooManyTensors, ZeroMatrices


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_projections_are_the_modules_weights(saved, name):
    """Split, transposed and de-interleaved, every projection equals its module's weight; nothing else is unknown."""
    model, checkpoint = saved(name)
    expected = ARCHITECTURES[name].projections(model)
    found = cut(checkpoint)
    assert set(found) == set(expected)
    assert [key for key in expected if not torch.equal(found[key], expected[key])] == []
    assert [entry.name for entry in layout_of(checkpoint).unknown] == []


@pytest.mark.parametrize("prefix", ["", "model.", "module.model.", "_orig_mod.transformer."])
def test_prefixes_do_not_matter(tmp_path, prefix):
    """Wrappers put words before a name."""
    state = {prefix + name.removeprefix("model."): tensor for name, tensor in llama().items()}
    assert len(cut(open_checkpoint(write_folder(tmp_path, state)))) == 14


def test_real_names(data: Path):
    """In other people's checkpoints every matrix is a projection or ignored on purpose."""
    for folder in sorted(data.glob("checkpoints/*")):
        checkpoint = open_checkpoint(folder)
        layout = layout_of(checkpoint)
        assert layout.projections
        assert layout.unknown == ()


def test_a_vision_tower_is_reported(saved):
    """Beside a language model a tower is named and left out; alone it is the model."""
    layout = model_layout(saved("LLaVA")[1].entries, {})
    assert [name.removeprefix("model.") for name in layout.towers] == [
        "multi_modal_projector",
        "vision_tower",
    ]
    assert any("vision_tower" in entry.name for entry in layout.others)
    tower_ = [entry for entry in saved("LLaVA")[1].entries if "vision_tower" in entry.name]
    alone = model_layout(tower_, {})
    assert alone.towers == ()
    assert len(alone.projections) == 12


def test_an_adapter_goes_through_the_same_door(tmp_path):
    """The projections of an adapter are those that its deltas change."""
    name = "base_model.model.model.layers.3.self_attn.q_proj.lora_{}.weight"
    factors = {name.format("A"): torch.ones(2, 8), name.format("B"): torch.ones(6, 2)}
    layout = layout_of(open_checkpoint(write_adapter(tmp_path / "adapter", factors)))
    [tensor] = layout.projections
    assert (tensor.layer, tensor.parts, tensor.shapes) == (3, ("query",), ((6, 8),))


def test_a_checkpoint_without_projections_is_named(tmp_path):
    """The error counts its tensors and names the matrices that no rule knows."""
    tensors = {"norm.weight": torch.ones(3), "mystery.weight": torch.ones(3, 3)}
    checkpoint = open_checkpoint(write_folder(tmp_path, tensors))
    with pytest.raises(NoProjections, match=r"mystery\.weight") as caught:
        require_projections(layout_of(checkpoint), checkpoint)
    assert caught.value.data["count"] == 2
    assert caught.value.data["examples"] == "mystery.weight"


def refused(folder: Path, state: dict[str, torch.Tensor], reason: str | None) -> None:
    checkpoint = open_checkpoint(write_folder(folder, state))
    expected = pytest.raises(TooManyTensors, match=reason) if reason else contextlib.nullcontext()
    with expected:
        require_projections(layout_of(checkpoint), checkpoint)


def test_more_projections_than_bytes_can_hold(tmp_path):
    """A model of thousands of matrices of two numbers is refused: each of them takes its time."""
    name, most = "layers.0.mlp.experts.down_proj", limit("projections")
    refused(tmp_path / "a", {name: torch.ones(most, 2, 1)}, None)
    reason = "holds 2,001 projections in 16,008 bytes, more and smaller"
    refused(tmp_path / "b", {name: torch.ones(most + 1, 2, 1)}, reason)
    refused(tmp_path / "c", {name: torch.ones(most + 100, 240, 1)}, None)


def test_more_tensors_than_bytes_can_hold(tmp_path):
    """The same holds for tensors of any kind."""
    state = {f"x.{number}": torch.ones(2) for number in range(limit("tensors") - 17)}
    refused(tmp_path / "a", {**llama(), **state}, None)
    refused(tmp_path / "b", {**llama(), **state, "y": torch.ones(2)}, "holds 5,001 tensors in")


def test_projections_without_a_number(tmp_path):
    """Where all projections are empty the sentence says so, and calls no known name unknown."""
    state = {name: torch.ones(0, 4) for name in llama() if "proj" in name}
    checkpoint = open_checkpoint(write_folder(tmp_path, state))
    with pytest.raises(ZeroMatrices, match="is empty"):
        require_projections(layout_of(checkpoint), checkpoint)
