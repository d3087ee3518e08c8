"""A base with an adapter merged into it: a checkpoint whose weights are summed up one by one when they are read."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch

from registry.architectures.layout import classify
from registry.checkpoints import Checkpoint, Entry, Update, open_checkpoint
from registry.errors import AdapterMismatch, BaseIsAdapter, NotAnAdapter


def open_merged(
    source: str | Path, base: str | Path | None, *, download: bool = False
) -> Checkpoint:
    """A source as it is, or an adapter merged into `base`. Raises CheckpointError."""
    checkpoint = open_checkpoint(source, download=download)
    return merged(checkpoint, open_checkpoint(base, download=download)) if base else checkpoint


def merged(adapter: Checkpoint, base: Checkpoint) -> Checkpoint:
    """The model that PEFT's merge_and_unload makes; nothing is read yet.

    Raises NotAnAdapter, BaseIsAdapter, AdapterMismatch.
    """
    if adapter.kind != "adapter":
        raise NotAnAdapter(source=adapter.source, base=base.source)
    if base.kind == "adapter":
        raise BaseIsAdapter(base=base.source)
    transposed = {
        site.entry.name
        for site in classify(base.entries, base.config).projections
        if site.transposed
    }
    places = Places(base.entries)
    magnitudes = {entry.magnitude for entry in adapter.entries if isinstance(entry, Update)}
    entries = {entry.name: entry for entry in base.entries}
    for entry in adapter.entries:
        own = places.find(entry.name)
        if own is None and isinstance(entry, Update):
            raise mismatch(adapter, base, f"it changes {entry.name!r}, which is not there")
        if isinstance(entry, Update):
            assert own
            entries[own.name] = changed(
                own, entry, fits(adapter, base, own, entry, own.name in transposed)
            )
        elif entry not in magnitudes:  # trained whole, such as a classifier head
            name = own.name if own else entry.name
            entries[name] = replace(entry, name=name)
    source = f"{adapter.source} merged into {base.source}"
    return replace(
        base,
        source=source,
        name=adapter.name,
        revision=adapter.revision,
        base=adapter.base or base.name,
        entries=tuple(entries.values()),
        remote=base.remote or adapter.remote,
    )


class Places:
    """The base's tensors, found by an adapter's names: either may have been saved with a prefix more than the other."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.whole = {entry.name: entry for entry in entries}
        self.ends: dict[str, list[Entry]] = {}
        for entry in self.whole.values():
            for end in ends(entry.name):
                self.ends.setdefault(end, []).append(entry)

    def find(self, name: str) -> Entry | None:
        """The only tensor whose name is the end of `name`, or the other way round; None where there is none."""
        for end in ends(name):
            if end in self.whole:
                return self.whole[end]
        longer = self.ends.get(name, [])
        return longer[0] if len(longer) == 1 else None


def ends(name: str) -> list[str]:
    """The name and what remains of it after each dot, longest first."""
    words = name.split(".")
    return [".".join(words[i:]) for i in range(len(words))]


def fits(
    adapter: Checkpoint, base: Checkpoint, own: Entry, update: Update, transposed: bool
) -> bool:
    """Whether the weight is kept inputs x outputs, so that the update must be turned. Raises AdapterMismatch."""
    rows, cols = update.shape
    if own.shape not in ((rows, cols), (cols, rows)):
        reason = f"it changes {own.name!r} as {rows} x {cols}, which is {' x '.join(map(str, own.shape))} there"
        raise mismatch(adapter, base, reason)
    return transposed if rows == cols else own.shape == (cols, rows)


def mismatch(adapter: Checkpoint, base: Checkpoint, reason: str) -> AdapterMismatch:
    """The error for an adapter of another base."""
    return AdapterMismatch(source=adapter.source, base=base.source, reason=reason)


def changed(own: Entry, update: Update, turned: bool) -> Entry:
    """The base's entry with the update added when it is read, in its own type."""

    def load() -> torch.Tensor:
        weight, change = own.load(), update.load()
        total = weight + (change.T if turned else change)
        if update.magnitude:  # DoRA: every output's row gets the length that was learnt
            lengths = torch.linalg.vector_norm(total, dim=0 if turned else 1, keepdim=True)
            magnitude = update.magnitude.load().reshape(lengths.shape)
            total = magnitude / lengths * total
        return total.to(weight.dtype)

    return Entry(own.name, own.dtype, own.shape, load)
