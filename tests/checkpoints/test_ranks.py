"""registry.checkpoints.ranks."""

import pytest

from registry.checkpoints.ranks import is_part, missing_ranks, parts_of

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
