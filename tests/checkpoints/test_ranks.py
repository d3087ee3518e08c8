"""registry.checkpoints.ranks."""

import pytest
import torch
from checkpoints_made import llama
from safetensors.torch import save_file

from registry.checkpoints import open_checkpoint
from registry.checkpoints.ranks import is_part, missing_ranks, parts_of
from registry.errors import SeveralCheckpoints

OF_RANKS = {
    "Meta": ["consolidated.00.pth", "consolidated.01.pth"],
    "DeepSpeed": ["g/mp_rank_00_model_states.pt", "g/mp_rank_01_model_states.pt"],
    "Megatron": ["i/mp_rank_00/model_optim_rng.pt", "i/mp_rank_01/model_optim_rng.pt"],
    "Megatron's pipeline": [
        "mp_rank_00_000/model_optim_rng.pt",
        "mp_rank_00_001/model_optim_rng.pt",
    ],
    "NeMo": ["tp_rank_00_pp_rank_000/m.ckpt", "tp_rank_01_pp_rank_000/m.ckpt"],
    "GPT-NeoX": ["layer_00-model_00-model_states.pt", "layer_02-model_00-model_states.pt"],
    "vLLM": ["model-rank-0-part-0.safetensors", "model-rank-1-part-0.safetensors"],
    "TensorRT-LLM": ["rank0.safetensors", "rank1.safetensors"],
    "verl": ["model_world_size_11_rank_2.pt", "model_world_size_11_rank_10.pt"],
}


@pytest.mark.parametrize("names", OF_RANKS.values(), ids=OF_RANKS)
def test_files_of_ranks(names):
    """Every writer's files are known as parts, in the ranks' order; a stranger beside them is not."""
    assert parts_of(names[1], [*reversed(names), "other.pt"]) == names
    assert all(is_part(name, names) for name in names)
    assert not is_part("other.pt", names)


def test_a_rank_alone():
    """The first of one rank is a whole model, a later rank never is."""
    assert not is_part("consolidated.00.pth", ["consolidated.00.pth"])
    assert is_part("consolidated.01.pth", ["consolidated.01.pth"])


def test_ranks_that_are_missing():
    """Where names state how many ranks there are, those that are not there are told."""
    assert missing_ranks(["a/model_world_size_2_rank_0.pt"]) == ["a/model_world_size_2_rank_1.pt"]
    assert missing_ranks(["consolidated.00.pth"]) == []


@pytest.mark.parametrize(
    "pattern", ["hf_model_000{}_0.pt", "weights.0{}.safetensors", "pytorch_model-0000{}.bin"]
)
def test_files_that_hold_whole_tensors(tmp_path, pattern):
    """Numbered files of whole tensors are one model, for the folder and for each of them."""
    names = list(llama())
    paths = [tmp_path / pattern.format(number) for number in (1, 2)]
    for path, part in zip(paths, (names[:8], names[8:]), strict=True):
        tensors = {name: llama()[name] for name in part}
        if path.suffix == ".safetensors":
            save_file(tensors, path)
        else:
            torch.save(tensors, path)
    for source in (tmp_path, *paths):
        assert {entry.name for entry in open_checkpoint(source).entries} == set(names)


def test_epochs_are_checkpoints_of_their_own(tmp_path):
    """Torchtune's files of two epochs are two checkpoints, and the proposed one is read whole."""
    for epoch in (0, 1):
        for number, half in enumerate((list(llama())[:8], list(llama())[8:]), 1):
            part = {name: llama()[name] for name in half}
            torch.save(part, tmp_path / f"hf_model_000{number}_{epoch}.pt")
    with pytest.raises(SeveralCheckpoints, match="name the one you mean") as caught:
        open_checkpoint(tmp_path)
    assert len(open_checkpoint(caught.value.data["example"]).entries) == 17
