"""Adapters of MLX and of llama.cpp, said in peft's words.

MLX (mlx_lm.tuner): `adapters.safetensors`, for outputs x inputs = scale * (lora_a lora_b)^T

    q_proj.lora_a  inputs x r        lora_b  r x outputs        m  DoRA's lengths, outputs
    embed_tokens.lora_a  tokens x r  lora_b  r x hidden
    switch_mlp.gate_proj.lora_a  experts x r x inputs  lora_b  experts x outputs x r

llama.cpp (convert_lora_to_gguf.py): `general.type` is adapter, scaled by alpha / r

    blk.0.attn_q.weight.lora_a  r x inputs  lora_b  outputs x r, rows as in its models
    token_embd.weight.lora_a  tokens x r    lora_b  hidden x r
    blk.0.ffn_up_exps.weight.lora_a  experts x r x inputs  lora_b  experts x outputs x r
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.checkpoints.formats.gguf_restore import PERMUTED
from registry.checkpoints.peft.config import PAIRED, SCALING, STACKED
from registry.checkpoints.tensors import Entry
from registry.errors import BrokenAdapter

if TYPE_CHECKING:
    from torch import Tensor

MLX = re.compile(r"(?P<module>.+)\.(?P<role>lora_a|lora_b|m)")
LLAMA_CPP = re.compile(r"(?P<module>.+)\.weight\.(?P<role>lora_[ab])")
EMBEDDING = re.compile(r"(.+\.)?(embed_tokens|tok_embeddings|word_embeddings|wte|token_embd)")
SWITCH = re.compile(r"(?P<block>.+)\.switch_mlp\.(?P<part>\w+)")
# How experts' matrices are called beside `block_sparse_moe`.
MIXTRAL = {"gate_proj": "w1", "down_proj": "w2", "up_proj": "w3"}
MATRIX, STACK = 2, 3  # dimensions
GGUF_ADAPTER = "gguf_adapter"
"""What a GGUF file states of an adapter, among its facts in config.json's words."""


class Spoken(NamedTuple):
    """An adapter's tensors and settings in peft's words."""

    entries: list[Entry]
    settings: dict[str, Any]


def is_foreign(name: str) -> bool:
    """Return whether a tensor is a factor of MLX's or llama.cpp's."""
    return name.endswith((".lora_a", ".lora_b"))


def in_pefts_words(
    entries: Sequence[Entry], settings: Mapping[str, Any], source: str
) -> Spoken | None:
    """Return an adapter of MLX or llama.cpp as peft would have it; None for any other.

    Raises:
        BrokenAdapter: Where its scaling is not stated.
    """
    names = [entry.name for entry in entries]
    if any(LLAMA_CPP.fullmatch(name) for name in names):
        return of_llama_cpp(entries, settings)
    if any(is_foreign(name) for name in names):
        return of_mlx(entries, settings, source)
    return None


def of_mlx(entries: Iterable[Entry], settings: Mapping[str, Any], source: str) -> Spoken:
    """Return an adapter of MLX in peft's words.

    Raises:
        BrokenAdapter: Where its config has no scale.
    """
    parameters = settings.get("lora_parameters")
    scale = parameters.get("scale") if isinstance(parameters, dict) else None
    if scale is None:
        reason = "the lora_parameters of its adapter_config.json have no scale"
        raise BrokenAdapter(source=source, reason=reason)

    spoken: list[Entry] = []
    by_name = {entry.name: entry for entry in entries}
    for entry in by_name.values():
        match = MLX.fullmatch(entry.name)
        module = match["module"] if match else ""
        if match is None or f"{module}.lora_a" not in by_name:
            spoken.append(entry)
        elif is_stack(by_name.get(f"{module}.lora_b")):
            spoken += of_experts(entry, match, by_name[f"{module}.lora_b"].shape[0])
        else:
            spoken.append(mlx_part(entry, match))
    return Spoken(spoken, {"base_model_name_or_path": settings.get("model"), SCALING: scale})


def is_stack(factor: Entry | None) -> bool:
    """Return whether a factor is one of all experts."""
    return factor is not None and len(factor.shape) == STACK


def mlx_part(entry: Entry, match: re.Match[str]) -> Entry:
    """Return one of MLX's factors as peft keeps it."""
    module, role = match["module"], match["role"]
    if role == "m":
        return replace(entry, name=f"{module}.lora_magnitude_vector")
    kind = "lora_embedding_" if EMBEDDING.fullmatch(module) else "lora_"
    return turned(entry, f"{module}.{kind}{role[-1].upper()}")


def of_experts(entry: Entry, match: re.Match[str], experts: int) -> list[Entry]:
    """Return what each expert has of a factor of all experts."""
    role = f"lora_{match['role'][-1].upper()}"
    place = SWITCH.fullmatch(match["module"])
    rows = entry.shape[0] if entry.shape else 1
    if place is None or not experts or rows % experts or role == "lora_M":
        return [entry]
    block, part = place["block"], place["part"]
    if block.endswith("block_sparse_moe"):
        part = MIXTRAL.get(part, part)

    shape = entry.shape[1:]
    if len(entry.shape) < STACK:  # the rows of all experts, one below the other
        shape = (entry.shape[0] // experts, *shape)
    parts = []
    for expert in range(experts):
        name = f"{block}.experts.{expert}.{part}.{role}"
        parts.append(Entry(name, entry.dtype, shape, Slice(entry, experts, expert).read))
    return parts


class Slice(NamedTuple):
    """One expert's part of a tensor of all experts."""

    entry: Entry
    experts: int
    expert: int

    def read(self) -> "Tensor":
        """Read the whole and return the part."""
        whole = self.entry.load()
        return whole.reshape(self.experts, -1, whole.shape[-1])[self.expert]


def turned(entry: Entry, name: str) -> Entry:
    """Return the transpose of a matrix, by another name; what is none stays as it is."""
    if len(entry.shape) != MATRIX:
        return replace(entry, name=name)

    def read() -> "Tensor":
        return entry.load().mT.contiguous()

    return Entry(name, entry.dtype, entry.shape[::-1], read)


def of_llama_cpp(entries: Iterable[Entry], settings: Mapping[str, Any]) -> Spoken:
    """Return an adapter of llama.cpp in peft's words; an alpha of 0 stands for a scaling of 1."""
    stated = settings.get(GGUF_ADAPTER) or {}
    alpha = stated.get("alpha")
    is_absent = alpha is None or (isinstance(alpha, int | float) and not alpha)
    spoken: list[Entry] = []
    for entry in entries:
        match = LLAMA_CPP.fullmatch(entry.name)
        if match is None:
            spoken.append(entry)
            continue
        module, letter = match["module"], match["role"][-1].upper()
        if not EMBEDDING.fullmatch(module):
            spoken.append(replace(entry, name=f"{module}.lora_{letter}"))
        elif letter == "A":
            spoken.append(turned(entry, f"{module}.lora_embedding_A"))
        else:
            spoken.append(replace(entry, name=f"{module}.lora_embedding_B"))

    words = {
        "base_model_name_or_path": settings.get("_name_or_path"),
        STACKED: True,
        PAIRED: settings.get("model_type") in PERMUTED,
    }
    scaled = {SCALING: 1.0} if is_absent else {"lora_alpha": alpha}
    return Spoken(spoken, {**words, **scaled})
