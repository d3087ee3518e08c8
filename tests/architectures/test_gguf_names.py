"""The rows of the name table for GGUF: complete by the gguf package's own lists, and the same as for safetensors."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from architectures import ARCHITECTURES
from gguf import GGUFWriter, get_tensor_name_map
from gguf.constants import MODEL_ARCH, MODEL_ARCH_NAMES, MODEL_TENSORS, TENSOR_NAMES
from gguf.tensor_mapping import TensorNameMap
from modules import save

from registry.architectures.name_table import table
from registry.architectures.names import Kind, recognise
from registry.checkpoints import open_checkpoint
from registry.fingerprints.compute import compute

Tensors = dict[str, torch.Tensor]
Step = Callable[[Tensors], Tensors]

# Of these no architecture has a matrix. Norms are known by their name.
VECTORS = {
    "attn_sinks", "exp_probs_b", "ffn", "layer_output_scale", "ssm_a", "ssm_d", "time_mix_ln", "time_mix_decay",
    "time_mix_a0", "time_mix_v0", "time_mix_w0", "time_mix_k_a", "time_mix_k_k", "time_mix_lerp_g", "time_mix_lerp_k",
    "time_mix_lerp_r", "time_mix_lerp_v", "time_mix_lerp_w", "time_mix_lerp_x",
}  # fmt: skip


def meaning(name: str) -> tuple[str, ...] | None:
    """The projections in a tensor of that name, none where it is left out on purpose; None where it is unknown."""
    recognition = recognise(name)
    if recognition.match:
        return tuple(sorted(recognition.match.row.parts))
    return None if recognition.kind is Kind.UNKNOWN else ()


def written(tensor: int) -> str:
    """A tensor's name as it stands in a file."""
    return TENSOR_NAMES[tensor].format(bid=3, xid=1) + ".weight"


def is_vector(name: str) -> bool:
    own = name.removesuffix(".weight").split(".")[-1]
    return own in VECTORS or "norm" in own


LEFT_OUT = [name for names in table()["left_out_gguf"].values() for name in names]
HALF = ("arwkv7", "rwkv6qwen2")  # their MLPs are read


@pytest.mark.parametrize("architecture", MODEL_TENSORS, ids=MODEL_ARCH_NAMES.__getitem__)
def test_every_tensor_is_known(architecture):
    """Of every architecture that is not left out each matrix is a projection or ignored on purpose."""
    if MODEL_ARCH_NAMES[architecture] in set(LEFT_OUT) - set(HALF):
        return
    names = [written(tensor) for tensor in MODEL_TENSORS[architecture]]
    assert [name for name in names if meaning(name) is None and not is_vector(name)] == []
    roles = {role for name in names for role in meaning(name) or ()}
    assert {"up", "down"} <= roles
    assert {"query", "key", "value", "output"} <= roles or MODEL_ARCH_NAMES[architecture] in HALF


def test_what_is_left_out_exists():
    """The list names architectures of the gguf package, each once."""
    assert set(LEFT_OUT) <= set(MODEL_ARCH_NAMES.values())
    assert len(set(LEFT_OUT)) == len(LEFT_OUT)


# Where the converter gives one name to tensors of two kinds, `renamed` tells them apart by their shapes; llama.cpp's
# own slips; and what OLMo 1, Nemotron-H and RWKV call otherwise in other checkpoints.
APART = {
    "attn_qkv": "linear_attn.in_proj_qkv",
    "attn_output": "linear_attn",
    "ffn_up": ("mlp.Wi", "gate_up_proj", "dense_h_to_4h"),
}
SLIPS = {
    "transformer.h.3.mixer.out_proj", "encoder.layers.3.mixer.out_proj", "model.layers.3.feed_forward.up_proj",
    "model.layers.3.feed_forward.down_proj", "model.transformer.blocks.3.ff_proj",
    "model.layers.3.block_sparse_moe.experts.gate",
}  # fmt: skip
TOWERS = ("v.", "a.", "mm.", "resampler.", "posnet.")


def test_names_mean_what_they_mean_elsewhere():
    """What the gguf package renames keeps its role: the table says the same of either name."""
    wrong = []
    for tensor, names in TensorNameMap.block_mappings_cfg.items():
        ours = written(tensor)
        part = ours.removesuffix(".weight").split(".")[-1]
        for name in (each.format(bid=3, xid=1) for each in names):
            theirs = meaning(name + ".weight") or meaning(name)
            known = (
                name in SLIPS or name.endswith(APART.get(part, "?")) or part.startswith("time_mix")
            )
            if theirs and theirs != meaning(ours) and not known and not ours.startswith(TOWERS):
                wrong.append((ours, name))
    assert wrong == []


# --- whole models ---------------------------------------------------------------------------------------------


def experts(tensors: Tensors) -> Tensors:
    """One tensor for all experts' matrices of one kind."""
    found: dict[str, list[torch.Tensor]] = {}
    for name, tensor in tensors.items():
        found.setdefault(re.sub(r"\.experts\.\d+\.", ".experts.", name), []).append(tensor)
    return {
        name: torch.stack(own) if ".experts." in name else own[0] for name, own in found.items()
    }


def cut_by_head(tensors: Tensors) -> Tensors:
    """kv_b of 4 heads as keys, transposed, and values."""
    found = {}
    for name, tensor in tensors.items():
        if name.endswith("kv_b_proj.weight"):
            keys, values = tensor.view(4, -1, tensor.shape[1]).split([8, 6], 1)
            found[name.replace("kv_b", "k_b")], found[name.replace("kv_b", "v_b")] = (
                keys.mT.contiguous(),
                values,
            )
        else:
            found[name] = tensor
    return found


def in_runs(*sizes: int) -> Step:
    """query_key_value with one run of rows for each part, out of groups of `sizes` rows."""

    def change(tensor: torch.Tensor) -> torch.Tensor:
        groups = tensor.unflatten(0, (-1, sum(sizes)))
        return torch.cat([part.flatten(0, 1) for part in groups.split(sizes, 1)])

    return lambda tensors: {
        name: change(t) if "query_key_value" in name else t for name, t in tensors.items()
    }


def without(prefix: str) -> Step:
    """Names without what comes before them."""
    return lambda tensors: {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


A = MODEL_ARCH
CONVERTED: dict[str, tuple[int, list[Step]]] = {
    "DeepseekV2": (A.DEEPSEEK2, [experts]),
    "DeepseekV3": (A.DEEPSEEK2, [experts]),
    "DeepseekV3 (cut by head)": (A.DEEPSEEK2, [experts, cut_by_head]),
    "T5": (A.T5, []),
    "T5 (gated)": (A.T5, []),
    "Qwen2": (A.QWEN2, []),
    "Qwen2Moe": (A.QWEN2MOE, [experts]),
    "Qwen3Moe": (A.QWEN3MOE, [experts]),
    "Olmoe": (A.OLMOE, [experts]),
    "Phi3": (A.PHI3, []),
    "Glm4": (A.GLM4, []),
    "Starcoder2": (A.STARCODER2, []),
    "ModernBert": (A.MODERN_BERT, [without("model.")]),
    "Mpt": (A.MPT, []),
    "GPTNeoX": (A.GPTNEOX, [in_runs(8, 8, 8)]),
    "Bloom": (A.BLOOM, [in_runs(8, 8, 8)]),
    "Falcon (some)": (A.FALCON, [in_runs(16, 8, 8)]),
}


def convert(folder: Path, path: Path, architecture: int, steps: list[Step]) -> Path:
    """A GGUF file out of a folder, by the names that the gguf package maps a model's to."""
    tensors = {entry.name: entry.load() for entry in open_checkpoint(folder).entries}
    for step in steps:
        tensors = step(tensors)
    names = get_tensor_name_map(architecture, 8)
    writer = GGUFWriter(path, MODEL_ARCH_NAMES[architecture])
    writer.add_head_count(4)
    for name, tensor in tensors.items():
        own = names.get_name(name, (".weight", ".bias")) or names.get_name(
            f"{name}.weight", (".weight",)
        )
        assert own or tensor.ndim == 1, name
        without_a_name = re.sub(r"^.*?(layers|h)\.(?=\d)", "blk.", name)
        writer.add_tensor(own or without_a_name, tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("name", CONVERTED)
def test_a_renamed_model_keeps_its_fingerprint(tmp_path, name):
    """By the names of the gguf package and its converter's cuts, every projection and the whole digest stay."""
    save(ARCHITECTURES[name.removesuffix(" (cut by head)")], tmp_path / "model")
    ours = compute(open_checkpoint(tmp_path / "model"))
    theirs = compute(
        open_checkpoint(convert(tmp_path / "model", tmp_path / "m.gguf", *CONVERTED[name]))
    )
    assert [(m.layer, m.projection, m.expert, m.digest) for m in theirs.matrices] == [
        (m.layer, m.projection, m.expert, m.digest) for m in ours.matrices
    ]
    for fact in ("digest", "std", "clusterings", "parameters", "layers", "hidden_size", "unknown"):
        assert getattr(theirs, fact) == getattr(ours, fact)
