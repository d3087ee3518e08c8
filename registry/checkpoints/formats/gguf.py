"""GGUF files, as llama.cpp and its converter write them.

The header is checked whole before any tensor is read. Quantised tensors come out as float32, and what the converter
did to a model's matrices is undone, so that a GGUF file in float16 holds what the model's safetensors hold.
Layout: ggml's docs/gguf.md.
"""

import re
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

from registry.checkpoints.blob import Blob, Span, read_bytes
from registry.checkpoints.dtypes import BF16, F16, F32, F64, I8, I16, I32, I64, DType
from registry.checkpoints.formats.gguf_header import Row, read_header
from registry.checkpoints.tensors import Contents, Entry
from registry.errors import BrokenFile, QuantisedWeights

if TYPE_CHECKING:
    from torch import Tensor

DTYPES: dict[GGMLQuantizationType, DType] = {
    GGMLQuantizationType.F64: F64,
    GGMLQuantizationType.F32: F32,
    GGMLQuantizationType.F16: F16,
    GGMLQuantizationType.BF16: BF16,
    GGMLQuantizationType.I64: I64,
    GGMLQuantizationType.I32: I32,
    GGMLQuantizationType.I16: I16,
    GGMLQuantizationType.I8: I8,
}
READ = 16 << 20  # bytes of a quantised tensor read at a time
GROUP = (
    1 << 18
)  # elements dequantised at a time; the temporary arrays take some 10 times as many bytes

# Facts that a config.json states too, by the key's part after the architecture.
CONFIG = {
    "block_count": "num_hidden_layers",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "expert_count": "num_experts",
    "expert_used_count": "num_experts_per_tok",
    "context_length": "max_position_embeddings",
}
# Architectures whose query and key rows the converter reorders (convert_hf_to_gguf.py, LlamaModel.permute): each
# head's two halves, which the rotary embedding pairs, become pairs of neighbours. In files converted from Meta's own
# layout they are neighbours too, so that undoing it gives Hugging Face's order in every case.
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
HEADS = {"attn_k_b": True, "attn_v_b": False}  # cut by head; whether each head's matrix is turned


def read_gguf(blob: Blob) -> Contents:
    """Index one file, and tell what it says of the model. Raises BrokenFile, FormatNotRead, QuantisedWeights.

    Tensors are as they lie in the file: of a split model only the first file knows what `restored` needs.
    """
    header = read_header(blob)
    return Contents([entry(blob, row) for row in header.rows], config(header.facts), restored)


def config(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts in config.json's words; a list where they differ from layer to layer."""
    architecture = facts.get("general.architecture")
    found = {
        ours: facts[key]
        for theirs, ours in CONFIG.items()
        if (key := f"{architecture}.{theirs}") in facts
    }
    found |= {"model_type": architecture} if isinstance(architecture, str) else {}
    base = facts.get("general.base_model.0.repo_url")
    found |= {"_name_or_path": "/".join(base.split("/")[-2:])} if isinstance(base, str) else {}
    return {
        key: value.tolist() if isinstance(value, np.ndarray) else value
        for key, value in found.items()
    }


def entry(blob: Blob, row: Row) -> Entry:
    """A tensor of the file. Raises QuantisedWeights where the gguf package has no way to dequantise it."""
    if row.kind in DTYPES:
        span = Span(blob, row.offset, DTYPES[row.kind], row.shape)
        return Entry(row.name, span.dtype, span.shape, span.read)
    if not readable(row.kind):
        raise QuantisedWeights(tensor=row.name, dtype=row.kind.name)
    return Entry(row.name, F32, row.shape, partial(dequantised, blob, row), row.kind.name)


@cache
def readable(kind: GGMLQuantizationType) -> bool:
    """Whether the gguf package dequantises this type; a few exist only within computations."""
    try:
        dequantize(np.zeros((1, GGML_QUANT_SIZES[kind][1]), np.uint8), kind)
    except NotImplementedError:
        return False
    return True


def dequantised(blob: Blob, row: Row) -> "Tensor":
    """Read a quantised tensor as float32; beside it, a few MB are held in memory."""
    tensor = F32.empty(*row.shape)
    values = tensor.view(-1).numpy()
    block, width = GGML_QUANT_SIZES[row.kind]
    group = GROUP // block * width
    for begin in range(0, row.nbytes, reading := READ // group * group):
        raw = np.frombuffer(
            read_bytes(blob, row.offset + begin, min(reading, row.nbytes - begin)), np.uint8
        )
        for at in range(0, len(raw), group):
            part, first = raw[at : at + group], (begin + at) // width * block
            with np.errstate(all="ignore"):  # the scale of a damaged block may be infinite
                values[first : first + len(part) // width * block] = dequantize(
                    part[None], row.kind
                )[0]
    return tensor


def restored(contents: Contents, label: str) -> Contents:
    """What the converter did to a whole model's matrices, undone. Raises BrokenFile where head counts do not fit."""
    if not contents.config:
        return contents
    widths = {entry.name: entry.shape[-1] for entry in contents.entries}
    entries = [
        joined(renamed(unpermuted(entry, contents.config, label), widths))
        for entry in contents.entries
    ]
    return replace(contents, entries=entries)


def renamed(entry: Entry, widths: dict[str, int]) -> Entry:
    """The entry called by what it holds, where the file gives two kinds of tensor one name.

    Where `up` has twice as many rows as `down` has inputs, gate stands before it. Query, key and value of a block
    without an output projection belong to its linear attention.
    """
    match = BLOCK.fullmatch(entry.name)
    if match is None:
        return entry
    block, part = match["block"], match["part"]
    if part == "ffn_up" and entry.shape[0] == 2 * widths.get(f"{block}ffn_down.weight", 0):
        return replace(entry, name=f"{block}ffn_gate_up.weight")
    if (
        part == "attn_qkv"
        and f"{block}ssm_out.weight" in widths
        and f"{block}attn_output.weight" not in widths
    ):
        return replace(entry, name=f"{block}ssm_qkv.weight")
    return entry


def joined(entry: Entry) -> Entry:
    """Latent attention's keys or values, which the converter cuts by head (turning the keys), as one matrix again.

    heads x latent x keys or heads x values x latent becomes outputs x latent.
    """
    match = BLOCK.fullmatch(entry.name)
    if match is None or match["part"] not in HEADS or len(entry.shape) != 3:  # noqa: PLR2004  # not cut
        return entry
    heads, *own = entry.shape
    turned = HEADS[match["part"]]
    rows, latent = own[::-1] if turned else own
    return replace(
        entry, shape=(heads * rows, latent), read=partial(one_below_the_other, entry, turned)
    )


def one_below_the_other(entry: Entry, turned: bool) -> "Tensor":
    """Load a tensor of three dimensions as the matrix that its own matrices make up."""
    tensor = entry.load()
    return (tensor.mT if turned else tensor).flatten(0, 1)


def unpermuted(entry: Entry, config: dict[str, Any], label: str) -> Entry:
    """The entry with query's and key's rows in Hugging Face's order."""
    match = ROTATED.fullmatch(entry.name)
    if match is None or config.get("model_type") not in PERMUTED:
        return entry
    heads = config.get("num_attention_heads")
    if match["part"] == "k":
        heads = config.get("num_key_value_heads", heads)
    if isinstance(heads, list):
        heads = heads[int(match["layer"])] if int(match["layer"]) < len(heads) else None
    if type(heads) is not int or heads < 1 or entry.shape[0] % (2 * heads):
        raise BrokenFile(
            path=label, reason=f"it has {heads} heads, which {entry.name!r} does not divide into"
        )
    return replace(entry, read=partial(in_halves, entry, heads))


def in_halves(entry: Entry, heads: int) -> "Tensor":
    """Load a tensor and, in place, put each head's even rows before its odd ones."""
    tensor = entry.load()
    for head in tensor.view(heads, -1, *tensor.shape[1:]):
        head.copy_(head.unflatten(0, (-1, 2)).transpose(0, 1).reshape(head.shape))
    return tensor
