"""Which projections an adapter's updates belong to, told from headers alone."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from registry.architectures.layout import HEAD_COUNTS, Layout, ProjectionTensor, classify
from registry.checkpoints import Checkpoint, Entry, Update
from registry.checkpoints.dtypes import FLOATING
from registry.data import load
from registry.errors import CannotSplit, NoProjections


def layout(checkpoint: Checkpoint) -> Layout:
    """Which projections the updates belong to; full tensors beside them are no projections, whatever their names.

    Raises CannotSplit where a fused update shows neither by its shape nor in config.json how to cut it.
    """
    updates = [entry for entry in checkpoint.entries if isinstance(entry, Update)]
    found = classify(updates, with_heads(checkpoint.config, updates))
    beside = [
        entry
        for entry in checkpoint.entries
        if not isinstance(entry, Update) and entry.dtype in FLOATING
    ]
    outputs = {site.layer for site in found.projections if "output" in site.parts}
    sites = (site if site.layer in outputs else by_inputs(site) for site in found.projections)
    return replace(found, projections=tuple(sites), others=(*found.others, *beside))


def by_inputs(site: ProjectionTensor) -> ProjectionTensor:
    """Without the output projection, the query of a stacked tensor is taken to have as many rows as inputs."""
    others = len(site.parts) - 1
    if not others or site.groups > 1 or site.parts[0] != "query":
        return site
    rows, inputs = site.entry.shape
    share, odd = divmod(rows - inputs, others)
    if share <= 0 or odd:
        raise CannotSplit(
            tensor=site.entry.name,
            shape=[rows, inputs],
            parts=", ".join(site.parts),
            reason="its rows do not add up and the adapter has no output projection",
        )
    return replace(site, sizes=(inputs, *(share,) * others))


def with_heads(config: dict[str, Any], updates: Sequence[Entry]) -> dict[str, Any]:
    """The config beside the adapter; where it counts no heads, those of the published models of that shape."""
    fused = [
        update.shape[1] for update in updates if update.name.endswith("query_key_value.weight")
    ]
    if not fused or any(key in config for key in HEAD_COUNTS):
        return config
    of_width = [(layers, heads) for inputs, layers, heads in known_heads() if inputs == fused[0]]
    of_depth = [(layers, heads) for layers, heads in of_width if layers == len(fused)]
    candidates = {heads for _, heads in of_width}
    if len(candidates) > 1:
        candidates = {heads for _, heads in of_depth}
    return {**config, HEAD_COUNTS[0]: candidates.pop()} if len(candidates) == 1 else config


@cache
def known_heads() -> tuple[tuple[int, int, int], ...]:
    """Rows (inputs, layers, heads) of heads.toml."""
    content = load("registry.architectures", "heads.toml")
    return tuple((inputs, layers, heads) for inputs, layers, heads in content["rows"])


def arrange(checkpoint: Checkpoint) -> Layout:
    """Find the projections. Raises NoProjections, CannotSplit."""
    adapts = checkpoint.kind == "adapter"
    found = layout(checkpoint) if adapts else classify(checkpoint.entries, checkpoint.config)
    if not found.projections:
        names = [entry.name for entry in found.unknown] or [
            entry.name for entry in checkpoint.entries
        ]
        raise NoProjections(
            source=checkpoint.source,
            count=len(checkpoint.entries),
            examples=", ".join(names[:3]) or "none",
        )
    return found
