"""GGUF files made up for tests, by llama.cpp's own package."""

from pathlib import Path

import numpy as np
import torch
from checkpoints_made import Tensors
from gguf import GGUFWriter
from gguf.constants import GGMLQuantizationType as Kind
from gguf.quants import quantize

from registry.checkpoints import open_checkpoint

NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "model.layers.": "blk.",
}


def permuted(weights: torch.Tensor, heads: int) -> torch.Tensor:
    """llama.cpp's order of the rows: head by head, one of the first half, one of the second."""
    rows = []
    for head in weights.chunk(heads):
        first, second = head.chunk(2)
        for pair in zip(first, second, strict=True):
            rows.extend(pair)
    return torch.stack(rows)


def write(
    path: Path, tensors: dict[str, tuple[np.ndarray, Kind]], arch: str = "llama", **options: int
) -> Path:
    """A file by the gguf package; heads and kv are head counts, split the tensors per file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(path, arch, split_max_tensors=options.get("split", 0))
    writer.add_head_count(options.get("heads", 4))
    writer.add_head_count_kv(options.get("kv", 2))
    writer.add_block_count(2)
    writer.add_token_list([f"token {i}" for i in range(options.get("tokens", 1000))])
    writer.add_chat_template("{% for message in messages %}" * 100)
    for name, (data, kind) in tensors.items():
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def converted(tensors: Tensors, kind: Kind) -> dict[str, tuple[np.ndarray, Kind]]:
    """A Llama of 4 heads and 2 for keys as the converter would write it.

    Norms are in float32, the rows of query and key reordered.
    """
    written = {}
    for name, tensor in tensors.items():
        weights = tensor.float()
        if "q_proj" in name:
            weights = permuted(weights, 4)
        if "k_proj" in name:
            weights = permuted(weights, 2)
        stored = kind if tensor.ndim > 1 else Kind.F32
        for theirs, ours in NAMES.items():
            name = name.replace(theirs, ours)  # noqa: PLW2901  # part by part
        written[name] = quantize(weights.numpy(), stored), stored
    return written


def loaded(path: Path) -> Tensors:
    """The tensors of a file as they are read, by their names."""
    return {entry.name: entry.load() for entry in open_checkpoint(path).entries}
