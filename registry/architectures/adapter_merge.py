"""A base with an adapter merged into it.

It is a checkpoint whose weights are summed up one by one, when they are read.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from registry.architectures.adapter_weights import heads_of, matrix_delta
from registry.architectures.layout import ProjectionTensor, layout_of
from registry.checkpoints import Checkpoint, Delta, Entry, open_checkpoint
from registry.checkpoints.initialisation import BaseChange
from registry.checkpoints.peft.weights import with_delta, with_rows
from registry.checkpoints.suffixes import suffixes
from registry.checkpoints.tensors import TokenRows
from registry.errors import AdapterMismatch, BaseIsAdapter, NotAnAdapter, UnknownInitialBase

HEAD = "lm_head.weight"
MATRIX = 2  # dimensions
Parts = tuple[int, tuple[str, ...], tuple[int | None, ...]]
"""What a tensor holds: its layer, and the projection and expert of each of its matrices."""

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
        UnknownInitialBase: Where the adapter belongs to a base that cannot be known.
    """
    merge = Merge(base, adapter)
    for entry in adapter.entries:
        if isinstance(entry, Delta):
            merge.add_delta(entry)
        elif isinstance(entry, TokenRows):
            merge.set_rows(entry)
        elif entry not in merge.magnitudes:  # trained whole, such as a classifier head
            merge.put(entry)
    return list(merge.entries.values())


class Merge:
    """The base's tensors, as far as an adapter has been merged into them."""

    def __init__(self, base: Checkpoint, adapter: Checkpoint) -> None:
        self.base = base
        self.adapter = adapter
        self.entries = {entry.name: entry for entry in base.entries}
        self.base_tensors = BaseTensors(base.entries)
        self.projections = layout_of(base).projections
        self.transposed = {tensor.entry.name for tensor in self.projections if tensor.transposed}
        deltas = [entry for entry in adapter.entries if isinstance(entry, Delta)]
        self.magnitudes = [delta.magnitude for delta in deltas if delta.magnitude]

    def put(self, entry: Entry) -> None:
        """Take a tensor that was trained whole, in the base's place."""
        weight = self.base_tensors.find(entry.name)
        name = weight.name if weight else entry.name
        self.entries[name] = replace(entry, name=name)

    def set_rows(self, rows: TokenRows) -> None:
        """Set some tokens' rows, in a head that is tied to the embedding too.

        Raises:
            AdapterMismatch: Where the embedding is not there, or has no such rows.
        """
        weight = self.base_tensors.find(rows.weight)
        if weight is None:
            raise self.mismatch(f"it changes {rows.weight!r}, which is not there")
        weights = [weight]
        head = self.base_tensors.find(HEAD)
        if head and head is not weight and self.base.config.get("tie_word_embeddings") is True:
            weights.append(head)

        for changed in weights:
            last = max(rows.tokens, default=0)
            if len(changed.shape) != MATRIX or changed.shape[1:] != rows.shape[1:]:
                raise self.mismatch(f"it changes rows of {changed.name!r} of another width")
            if last >= changed.shape[0]:
                reason = f"it changes row {last} of {changed.name!r}, which has {changed.shape[0]}"
                raise self.mismatch(reason)
            self.entries[changed.name] = with_rows(self.entries[changed.name], rows)

    def add_delta(self, delta: Delta) -> None:
        """Add a delta to the weight of its name, else to the projections that it is made of.

        Raises:
            AdapterMismatch: Where there is no such weight.
            UnknownInitialBase: Where its base cannot be known.
        """
        initialisation = delta.initialisation
        if initialisation and initialisation.change is BaseChange.UNKNOWN:
            raise UnknownInitialBase(source=self.adapter.source, initialisation=initialisation.name)
        weight = self.base_tensors.find(delta.name)
        if weight:
            self.change(weight, delta)
            return
        for matrix in self.matrices_of(delta):
            self.change(*matrix)

    def matrices_of(self, delta: Delta) -> list[tuple[Entry, Delta]]:
        """Return the base's weights for a delta that has no name of its own there, with its parts.

        The two may be stored otherwise: experts one by one or stacked, under llama.cpp's names.

        Raises:
            AdapterMismatch: Where the base lacks one of them.
        """
        absent = self.mismatch(f"it changes {delta.name!r}, which is not there")
        tensors = [tensor for tensor in self.delta_tensors if tensor.entry.name == delta.name]
        if not tensors:
            raise absent
        [tensor] = tensors
        same_cut = self.by_parts.get((tensor.layer, tensor.parts, tensor.experts))
        if same_cut:
            return [(same_cut, delta)]

        matrices = []
        for index, (part, expert) in enumerate(zip(tensor.parts, tensor.experts, strict=True)):
            weight = self.by_parts.get((tensor.layer, (part,), (expert,)))
            if weight is None:
                raise absent
            matrices.append((weight, matrix_delta(delta, tensor, index)))
        return matrices

    @cached_property
    def delta_tensors(self) -> tuple[ProjectionTensor, ...]:
        """How the adapter's deltas are cut into projections."""
        return layout_of(self.adapter).projections

    @cached_property
    def by_parts(self) -> dict[Parts, Entry]:
        """The base's tensors by the projections that they hold."""
        tensors = {}
        for tensor in self.projections:
            tensors[tensor.layer, tensor.parts, tensor.experts] = tensor.entry
        return tensors

    def change(self, weight: Entry, delta: Delta) -> None:
        """Add a delta to one weight.

        Raises:
            AdapterMismatch: Where it has another shape.
        """
        *stack, rows, columns = delta.shape
        if weight.shape not in ((*stack, rows, columns), (*stack, columns, rows)):
            stored = " x ".join(map(str, weight.shape))
            changed = " x ".join(map(str, delta.shape))
            reason = f"it changes {weight.name!r} as {changed}, which is {stored} there"
            raise self.mismatch(reason)

        heads = heads_of(delta, self.base.config)
        if heads == 0:
            reason = f"the heads that order the rows of {delta.name!r} are not in its config.json"
            raise self.mismatch(reason)
        transposed = is_transposed(weight, delta, weight.name in self.transposed)
        entry = self.entries[weight.name]
        self.entries[weight.name] = with_delta(entry, delta, transposed=transposed, heads=heads)

    def mismatch(self, reason: str) -> AdapterMismatch:
        """Return the error for an adapter of another base."""
        source, base = self.adapter.source, self.base.source
        return AdapterMismatch(source=source, base=base, reason=reason)


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


def is_transposed(weight: Entry, delta: Delta, stored_transposed: bool) -> bool:
    """Return whether a weight is kept inputs x outputs: by its shape, by its name if square."""
    rows, columns = delta.shape[-2:]
    if rows == columns:
        return stored_transposed
    return weight.shape[-2:] == (columns, rows)
