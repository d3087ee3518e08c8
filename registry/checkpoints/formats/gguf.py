"""GGUF files, as llama.cpp and its converter write them.

The header is checked whole before any tensor is read. Quantised tensors come out as float32, and
what the converter did to the matrices of a model is undone.
"""

from functools import cache, partial
from typing import Any

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

from registry.checkpoints.blob import Blob, Span, read_bytes
from registry.checkpoints.claims import claims_of_facts
from registry.checkpoints.dtypes import BF16, F16, F32, F64, I8, I16, I32, I64, DType
from registry.checkpoints.formats.gguf_header import Row, read_header
from registry.checkpoints.formats.gguf_restore import restored
from registry.checkpoints.peft.dialects import GGUF_ADAPTER
from registry.checkpoints.tensors import Contents, Entry
from registry.errors import FormatNotRead, QuantisedWeights

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
# What a file holds that is no language model, by what it states of itself.
NO_MODELS = {"mmproj": "a projector of images or sounds", "imatrix": "an importance matrix"}
READ = 16 << 20  # bytes of a quantised tensor read at a time
# Elements dequantised at a time; the temporary arrays take some 10 times as many bytes.
GROUP = 1 << 18

# Facts that a config.json states too: its key, by the part of ours after the architecture.
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


def read_gguf(blob: Blob) -> Contents:
    """Index one file, with what it states of the model.

    Its tensors are as they lie in the file until all files of the model are together (`finished`).
    Raises BrokenFile, FormatNotRead, QuantisedWeights.
    """
    header = read_header(blob)
    kind = NO_MODELS.get(str(header.facts.get("general.type")))
    if kind:
        remedy = "give the GGUF file of the language model beside it"
        raise FormatNotRead(path=blob.label, format=f"a GGUF file that holds {kind}", remedy=remedy)
    entries = [entry(blob, row) for row in header.rows]
    return Contents(
        entries,
        config(header.facts),
        restored,
        format="gguf",
        claims=claims_of_facts(header.facts),
    )


def config(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts under config.json's keys; a list where they differ from layer to layer."""
    architecture = facts.get("general.architecture")
    settings: dict[str, Any] = {}
    for suffix, key in CONFIG.items():
        fact = f"{architecture}.{suffix}"
        if fact in facts:
            settings[key] = facts[fact]
    if isinstance(architecture, str):
        settings["model_type"] = architecture
    base_url = facts.get("general.base_model.0.repo_url")
    if isinstance(base_url, str):
        settings["_name_or_path"] = "/".join(base_url.split("/")[-2:])
    if facts.get("general.type") == "adapter":
        settings[GGUF_ADAPTER] = {"alpha": facts.get("adapter.lora.alpha")}
    for key, value in settings.items():
        if isinstance(value, np.ndarray):
            settings[key] = value.tolist()
    return settings


def entry(blob: Blob, row: Row) -> Entry:
    """Return a tensor of the file.

    Raises QuantisedWeights where the gguf package has no way to dequantise it.
    """
    if row.kind in DTYPES:
        span = Span(blob, row.offset, DTYPES[row.kind], row.shape)
        return Entry(row.name, span.dtype, span.shape, span.read)
    if not readable(row.kind):
        raise QuantisedWeights(tensor=row.name, dtype=row.kind.name)
    read = partial(dequantised, blob, row)
    return Entry(
        row.name, F32, row.shape, read, row.kind.name, partial(first, blob, row), row.nbytes
    )


@cache
def readable(kind: GGMLQuantizationType) -> bool:
    """Return whether the gguf package dequantises a type; a few exist only within computations."""
    _, width = GGML_QUANT_SIZES[kind]
    try:
        dequantize(np.zeros((1, width), np.uint8), kind)
    except NotImplementedError:
        return False
    return True


def first(blob: Blob, row: Row, count: int) -> np.ndarray:
    """Read the first values of a quantised tensor, flat, and of its bytes no more than needed."""
    block, width = GGML_QUANT_SIZES[row.kind]  # elements and bytes
    blocks = -(-count // block)
    raw = np.frombuffer(read_bytes(blob, row.offset, blocks * width), np.uint8)
    with np.errstate(all="ignore"):  # the scale of a damaged block may be infinite
        return dequantize(raw[None], row.kind)[0, :count]


def dequantised(blob: Blob, row: Row) -> np.ndarray:
    """Read a quantised tensor as float32; beside it, a few MB are held in memory.

    It is read READ bytes and dequantised GROUP elements at a time, both in whole blocks.
    """
    tensor = F32.blank(*row.shape)
    values = tensor.reshape(-1)
    block, width = GGML_QUANT_SIZES[row.kind]  # elements and bytes
    group = GROUP // block * width
    reading = READ // group * group
    for begin in range(0, row.nbytes, reading):
        count = min(reading, row.nbytes - begin)
        raw = np.frombuffer(read_bytes(blob, row.offset + begin, count), np.uint8)
        for at in range(0, count, group):
            part = raw[at : at + group]
            first = (begin + at) // width * block
            last = first + len(part) // width * block
            with np.errstate(all="ignore"):  # the scale of a damaged block may be infinite
                values[first:last] = dequantize(part[None], row.kind)[0]
    return tensor
