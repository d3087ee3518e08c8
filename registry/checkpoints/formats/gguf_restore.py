"""What llama.cpp's converter does to the matrices of a model, undone.

A GGUF file in float16 then holds what the model's safetensors hold. Source: convert_hf_to_gguf.py.
"""

import re
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from registry.checkpoints.tensors import Contents, Entry
from registry.errors import BrokenFile
from registry.numerics.arrays import contiguous

# Architectures whose query and key rows the converter reorders (convert_hf_to_gguf.py,
# LlamaModel.permute): each head's two halves, which the rotary embedding pairs, become pairs of
# neighbours. In files converted from Meta's own layout they are neighbours too, so that undoing it
# gives Hugging Face's order in every case.
PERMUTED = {
    "arcee",
    "arctic",
    "baichuan",
    "bailingmoe",
    "chameleon",
    "deci",
    "deepseek",
    "granite",
    "granitehybrid",
    "granitemoe",
    "internlm2",
    "llada",
    "llama",
    "llama-embed",
    "minicpm",
    "mistral3",
    "nanbeige",
    "olmo",
    "smollm3",
    "xverse",
}
ROTATED = re.compile(r"blk\.(?P<layer>\d{1,6})\.attn_(?P<part>[qk])\.(?:weight|bias)")
BLOCK = re.compile(r"(?P<block>.*blk\.\d{1,6}\.)(?P<part>\w+)\.weight")
# Latent attention's parts that are cut by head, and whether each head's matrix is transposed.
TRANSPOSED = {"attn_k_b": True, "attn_v_b": False}
BY_HEAD = 3  # dimensions


def restored(contents: Contents, label: str) -> Contents:
    """Return a whole model with its matrices as before the conversion.

    Raises BrokenFile where head counts do not fit. Of a split model only the first file has the
    facts that this needs.
    """
    if not contents.config:
        return contents
    widths = {entry.name: entry.shape[-1] for entry in contents.entries}
    entries = []
    for entry in contents.entries:
        ordered = unpermuted(entry, contents.config, label)
        entries.append(joined(renamed(ordered, widths)))
    return replace(contents, entries=entries)


def unpermuted(entry: Entry, config: dict[str, Any], label: str) -> Entry:
    """Return query or key with its rows in Hugging Face's order. Raises BrokenFile."""
    match = ROTATED.fullmatch(entry.name)
    if match is None or config.get("model_type") not in PERMUTED:
        return entry
    heads = config.get("num_attention_heads")
    if match["part"] == "k":
        heads = config.get("num_key_value_heads", heads)
    if isinstance(heads, list):  # one number a layer
        layer = int(match["layer"])
        heads = heads[layer] if layer < len(heads) else None
    if type(heads) is not int or heads < 1 or entry.shape[0] % (2 * heads):
        reason = f"it has {heads} heads, which {entry.name!r} does not divide into"
        raise BrokenFile(path=label, reason=reason)
    return replace(entry, read=partial(in_halves, entry, heads), head=None)


def in_halves(entry: Entry, heads: int) -> np.ndarray:
    """Load a tensor and, in place, put each head's even rows before its odd ones."""
    tensor = entry.array()
    for head in tensor.reshape(heads, -1, *tensor.shape[1:]):
        pairs = head.reshape(-1, 2, *head.shape[1:])
        head[:] = pairs.swapaxes(0, 1).reshape(head.shape)
    return tensor


def renamed(entry: Entry, widths: dict[str, int]) -> Entry:
    """Return the entry called by what it holds, where a file gives two kinds of tensor one name.

    Where `up` has twice as many rows as `down` has inputs, gate stands before it. Query, key and
    value of a block without an output projection belong to its linear attention.

    Args:
        entry: A tensor of the file.
        widths: The number of columns of every tensor of the model.
    """
    match = BLOCK.fullmatch(entry.name)
    if match is None:
        return entry
    block, part = match["block"], match["part"]
    if part == "ffn_up" and entry.shape[0] == 2 * widths.get(f"{block}ffn_down.weight", 0):
        return replace(entry, name=f"{block}ffn_gate_up.weight")
    linear = f"{block}ssm_out.weight" in widths and f"{block}attn_output.weight" not in widths
    if part == "attn_qkv" and linear:
        return replace(entry, name=f"{block}ssm_qkv.weight")
    return entry


def joined(entry: Entry) -> Entry:
    """Return keys or values of latent attention, which the converter cuts by head, as one matrix.

    heads x latent x keys (transposed) or heads x values x latent become outputs x latent.
    """
    match = BLOCK.fullmatch(entry.name)
    if match is None or match["part"] not in TRANSPOSED or len(entry.shape) != BY_HEAD:
        return entry
    transposed = TRANSPOSED[match["part"]]
    heads, rows, latent = entry.shape
    if transposed:
        rows, latent = latent, rows
    read = partial(one_below_the_other, entry, transposed)
    return replace(entry, shape=(heads * rows, latent), read=read, head=None)


def one_below_the_other(entry: Entry, transposed: bool) -> np.ndarray:
    """Load the matrices of all heads as one matrix."""
    matrices = entry.array()
    if transposed:
        matrices = matrices.swapaxes(1, 2)
    return contiguous(matrices).reshape(-1, matrices.shape[2])
