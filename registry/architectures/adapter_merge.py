"""A base with an adapter merged into it.

It is a checkpoint whose weights are summed up one by one, when they are read.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch

from registry.architectures.layout import layout_of
from registry.checkpoints import Checkpoint, Delta, Entry, open_checkpoint
from registry.checkpoints.suffixes import suffixes
from registry.errors import AdapterMismatch, BaseIsAdapter, NotAnAdapter

MERGED_INTO = " merged into "
"""Between the adapter's source and the base's in the source of the merged model."""


def open_merged(
    source: str | Path, base: str | Path | None, *, download: bool = False
) -> Checkpoint:
    """Open a source as it is, or an adapter merged into `base`.

    Raises:
        CheckpointError: Where either cannot be read, or they do not go together.
    """
    checkpoint = open_checkpoint(source, download=download)
    if not base:
        return checkpoint
    return merged(checkpoint, open_checkpoint(base, download=download))


def merged(adapter: Checkpoint, base: Checkpoint) -> Checkpoint:
    """Return the model that PEFT's merge_and_unload makes; no weight is read yet.

    Raises:
        NotAnAdapter: Where the first is a model.
        BaseIsAdapter: Where the second is none.
        AdapterMismatch: Where the adapter changes weights that the base lacks, or has in another
            shape.
    """
    if adapter.kind != "adapter":
        raise NotAnAdapter(source=adapter.source, base=base.source)
    if base.kind == "adapter":
        raise BaseIsAdapter(base=base.source)

    return replace(
        base,
        source=f"{adapter.source}{MERGED_INTO}{base.source}",
        name=adapter.name,
        revision=adapter.revision,
        base=adapter.base or base.name,
        entries=tuple(merged_entries(base, adapter)),
        remote=base.remote or adapter.remote,
    )


def merged_entries(base: Checkpoint, adapter: Checkpoint) -> list[Entry]:
    """Return the base's tensors, those that the adapter changes with its deltas.

    Raises:
        AdapterMismatch: Where the base lacks a weight that the adapter changes, or has another
            shape.
    """
    projections = layout_of(base).projections
    stored_transposed = {tensor.entry.name for tensor in projections if tensor.transposed}
    base_tensors = BaseTensors(base.entries)
    deltas = [entry for entry in adapter.entries if isinstance(entry, Delta)]
    magnitudes = {delta.magnitude for delta in deltas}

    entries = {entry.name: entry for entry in base.entries}
    for entry in adapter.entries:
        weight = base_tensors.find(entry.name)
        if not isinstance(entry, Delta):
            if entry not in magnitudes:  # trained whole, such as a classifier head
                name = weight.name if weight else entry.name
                entries[name] = replace(entry, name=name)
            continue

        if weight is None:
            raise mismatch(adapter, base, f"it changes {entry.name!r}, which is not there")
        check_shape(adapter, base, weight, entry)
        transposed = is_transposed(weight, entry, weight.name in stored_transposed)
        entries[weight.name] = with_delta(weight, entry, transposed=transposed)
    return list(entries.values())


class BaseTensors:
    """The base's tensors by an adapter's names: either may have been saved with a prefix."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.by_name = {entry.name: entry for entry in entries}
        self.by_suffix: dict[str, list[Entry]] = {}
        for entry in self.by_name.values():
            for suffix in suffixes(entry.name):
                self.by_suffix.setdefault(suffix, []).append(entry)

    def find(self, name: str) -> Entry | None:
        """Return the tensor whose name ends `name`, or the only one whose name `name` ends.

        None where there is none.
        """
        for suffix in suffixes(name):
            if suffix in self.by_name:
                return self.by_name[suffix]
        longer = self.by_suffix.get(name, [])
        return longer[0] if len(longer) == 1 else None


def check_shape(adapter: Checkpoint, base: Checkpoint, weight: Entry, delta: Delta) -> None:
    """Check that a weight has the shape of its delta, either way round.

    Raises:
        AdapterMismatch: Where it has not.
    """
    rows, columns = delta.shape
    if weight.shape not in ((rows, columns), (columns, rows)):
        stored = " x ".join(map(str, weight.shape))
        reason = f"it changes {weight.name!r} as {rows} x {columns}, which is {stored} there"
        raise mismatch(adapter, base, reason)


def is_transposed(weight: Entry, delta: Delta, stored_transposed: bool) -> bool:
    """Return whether a weight is kept inputs x outputs: by its shape, by its name if square."""
    rows, columns = delta.shape
    if rows == columns:
        return stored_transposed
    return weight.shape == (columns, rows)


def mismatch(adapter: Checkpoint, base: Checkpoint, reason: str) -> AdapterMismatch:
    """Return the error for an adapter of another base."""
    return AdapterMismatch(source=adapter.source, base=base.source, reason=reason)


def with_delta(weight: Entry, delta: Delta, *, transposed: bool) -> Entry:
    """Return a weight's entry whose delta is added when it is read, in the weight's own type.

    With DoRA (arXiv 2402.09353, equation 5) every output's weights are then scaled to the length
    that was learnt.
    """

    def load() -> torch.Tensor:
        stored, change = weight.load(), delta.load()
        total = stored + (change.T if transposed else change)
        if delta.magnitude:
            lengths = torch.linalg.vector_norm(total, dim=0 if transposed else 1, keepdim=True)
            magnitude = delta.magnitude.load().reshape(lengths.shape)
            total = magnitude / lengths * total
        return total.to(stored.dtype)

    return Entry(weight.name, weight.dtype, weight.shape, load)
