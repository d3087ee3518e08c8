"""registry.checkpoints.wrappers."""

import pytest
import torch
from checkpoints_made import llama, write_folder

from registry.checkpoints import open_checkpoint
from registry.errors import FormatNotRead

WRAPPERS = ("_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module")


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrappers_inside_names(tmp_path, wrapper):
    """Blocks that were compiled or wrapped one by one have the names that they have without."""
    wrapped = {}
    for name, tensor in llama().items():
        wrapped[f"{wrapper}." + name.replace(".layers.0.", f".layers.0.{wrapper}.")] = tensor
    opened = open_checkpoint(write_folder(tmp_path, wrapped))
    assert {entry.name for entry in opened.entries} == set(llama())


def test_two_copies_keep_their_names(tmp_path):
    """Where names would fall together, none is changed."""
    tensors = {"a.weight": torch.ones(2, 2), "_orig_mod.a.weight": torch.zeros(2, 2)}
    opened = open_checkpoint(write_folder(tmp_path, tensors))
    assert {entry.name for entry in opened.entries} == set(tensors)


def test_flat_vectors_are_named(tmp_path):
    """FSDP's local state is refused by its name; saved anew, as advised, it is read."""
    flat = {"_fsdp_wrapped_module._flat_param": torch.ones(30)}
    folder = write_folder(tmp_path, flat)
    with pytest.raises(FormatNotRead, match=r"FSDP's local state.*full state dict"):
        open_checkpoint(folder)
    assert open_checkpoint(write_folder(folder, llama())).entries


def test_placeholders_are_named(tmp_path):
    """Weights of no elements are told as what ZeRO-3 leaves."""
    tensors = llama() | {"model.layers.1.mlp.up_proj.weight": torch.empty(0)}
    with pytest.raises(FormatNotRead, match=r"empty placeholders \('model.layers.1.mlp.up_proj"):
        open_checkpoint(write_folder(tmp_path, tensors))
