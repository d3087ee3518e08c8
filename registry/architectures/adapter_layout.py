"""Which projections an adapter's LoRA deltas (B A) belong to, derived from headers alone."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

from registry.architectures.fused import HEAD_COUNTS
from registry.architectures.model_layout import model_layout
from registry.architectures.projection_tensors import Layout, ProjectionTensor
from registry.checkpoints import Checkpoint, Delta, Entry
from registry.checkpoints.dtypes import FLOATING
from registry.data import load
from registry.errors import CannotSplit

GPT_OSS = "gpt_oss"
GPT_OSS_NAME = re.compile(r"gpt[-_]?oss", re.IGNORECASE)


class PublishedHeads(NamedTuple):
    """The attention heads of a published model: inputs of its query_key_value, layers, heads."""

    inputs: int
    layers: int
    heads: int


def adapter_layout(checkpoint: Checkpoint) -> Layout:
    """Find the projections that an adapter's deltas belong to.

    Full tensors beside the deltas are no projections, whatever their names.

    Raises:
        CannotSplit: Where neither the shape of a fused delta nor config.json shows how to cut it.
    """
    deltas: list[Entry] = []
    beside: list[Entry] = []
    ignored: list[Entry] = []
    for entry in checkpoint.entries:
        if isinstance(entry, Delta):
            deltas.append(entry)
        elif entry.dtype in FLOATING:
            beside.append(entry)
        else:
            ignored.append(entry)
    layout = model_layout(deltas, with_heads(checkpoint.config, deltas))
    halves = not is_gpt_oss(checkpoint)
    with_output = {tensor.layer for tensor in layout.projections if "output" in tensor.parts}
    projections = []
    for tensor in layout.projections:
        has_width = tensor.layer in with_output
        whole = tensor if has_width else with_square_query(tensor)
        projections.append(whole if halves else row_by_row(whole))
    return replace(
        layout,
        projections=tuple(projections),
        others=(*layout.others, *beside),
        ignored=(*layout.ignored, *ignored),
    )


def is_gpt_oss(checkpoint: Checkpoint) -> bool:
    """Return whether an adapter is one of gpt-oss, by what it says of its base.

    Its deltas have the names of other experts, whose gate stands before up and not row by row.
    """
    stated = checkpoint.config.get("model_type")
    return stated == GPT_OSS or bool(GPT_OSS_NAME.search(checkpoint.base or ""))


def row_by_row(tensor: ProjectionTensor) -> ProjectionTensor:
    """Return a stack of gate and up cut row by row, as gpt-oss has them; any other as it is."""
    if not tensor.entry.name.endswith(".experts.gate_up_proj"):
        return tensor
    return replace(tensor, naming=GPT_OSS, groups=tensor.sizes[0])


def with_square_query(tensor: ProjectionTensor) -> ProjectionTensor:
    """Cut a stacked tensor whose layer has no output projection: its query is taken to be square.

    Raises:
        CannotSplit: Where the other parts do not share the remaining rows evenly.
    """
    other_parts = len(tensor.parts) - 1
    if not other_parts or tensor.groups > 1 or tensor.parts[0] != "query":
        return tensor
    rows, inputs = tensor.entry.shape
    share, remainder = divmod(rows - inputs, other_parts)
    if share <= 0 or remainder:
        raise CannotSplit(
            tensor=tensor.entry.name,
            shape=[rows, inputs],
            parts=", ".join(tensor.parts),
            reason="its rows do not add up and the adapter has no output projection",
        )
    return replace(tensor, sizes=(inputs, *(share,) * other_parts))


def with_heads(config: dict[str, Any], deltas: Sequence[Entry]) -> dict[str, Any]:
    """Return the config beside an adapter, with the number of attention heads if derivable.

    Where the config counts no heads, the published models whose query_key_value has the same
    inputs, and if these differ as many layers, tell it, if they agree.
    """
    if any(key in config for key in HEAD_COUNTS):
        return config
    fused = [delta for delta in deltas if delta.name.endswith("query_key_value.weight")]
    if not fused:
        return config
    inputs, layers = fused[0].shape[1], len(fused)
    of_width = [model for model in published_heads() if model.inputs == inputs]
    heads = {model.heads for model in of_width}
    if len(heads) > 1:
        heads = {model.heads for model in of_width if model.layers == layers}
    if len(heads) != 1:
        return config
    return {**config, HEAD_COUNTS[0]: heads.pop()}


@cache
def published_heads() -> tuple[PublishedHeads, ...]:
    """Return the rows of heads.toml."""
    rows = load("registry.architectures", "heads.toml")["rows"]
    return tuple(PublishedHeads(*row) for row in rows)
