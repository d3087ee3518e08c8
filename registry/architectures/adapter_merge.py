"""A base with an adapter merged into it.

It is a checkpoint whose weights are summed up one by one, when they are read.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from registry.architectures.adapter_weights import (
    ChangedPart,
    heads_of,
    matrix_delta,
    with_parts,
)
from registry.architectures.base_tensors import BaseTensors, cut_alike, is_transposed
from registry.architectures.layout import ProjectionTensor, layout_of
from registry.checkpoints import Checkpoint, Delta, Entry, open_checkpoint
from registry.checkpoints.initialisation import BaseChange
from registry.checkpoints.peft.weights import with_bias, with_delta, with_rows
from registry.checkpoints.tensors import BiasDelta, TokenRows
from registry.errors import AdapterMismatch, BaseIsAdapter, NotAnAdapter, UnknownInitialBase

HEAD = "lm_head.weight"
MATRIX = 2  # dimensions
# What stands outside the layers, by llama.cpp's names and by transformers'.
LLAMA_CPP = {
    "token_embd.weight": ("embed_tokens.weight", "wte.weight", "embed_in.weight"),
    "output.weight": (HEAD, "embed_out.weight"),
}


class BasePlace(NamedTuple):
    """A projection of the base: the tensor that holds it, and which of its matrices it is."""

    tensor: ProjectionTensor
    number: int


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
        claims=adapter.claims,
        facts=replace(adapter.facts, place=f"{adapter.facts.place}{MERGED_INTO}{base.facts.place}"),
        stamp=f"{adapter.stamp}{MERGED_INTO}{base.stamp}" if adapter.stamp and base.stamp else None,
    )


def has_known_base(adapter: Checkpoint) -> bool:
    """Return whether what an adapter is added to can be made of its base."""
    for entry in adapter.entries:
        initialisation = entry.initialisation if isinstance(entry, Delta) else None
        if initialisation and initialisation.change is BaseChange.UNKNOWN:
            return False
    return True


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
        elif isinstance(entry, BiasDelta):
            merge.add_bias(entry)
        elif entry not in merge.magnitudes:  # trained whole, such as a classifier head
            merge.put(entry)
    return merge.merged()


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
        self.parts: dict[str, list[ChangedPart]] = {}
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

    def add_bias(self, delta: BiasDelta) -> None:
        """Add to a bias.

        Raises:
            AdapterMismatch: Where it is not there, or of another length.
        """
        bias = self.base_tensors.find(delta.weight)
        if bias is None or bias.shape != delta.shape:
            raise self.mismatch(
                f"it changes {delta.weight!r}, which is not there or of another length"
            )
        self.entries[bias.name] = with_bias(self.entries[bias.name], delta)

    def add_delta(self, delta: Delta) -> None:
        """Add a delta to the weight of its name, else to the projections that it is made of.

        Raises:
            AdapterMismatch: Where there is no such weight.
            UnknownInitialBase: Where its base cannot be known.
        """
        initialisation = delta.initialisation
        if initialisation and initialisation.change is BaseChange.UNKNOWN:
            raise UnknownInitialBase(source=self.adapter.source, initialisation=initialisation.name)
        weight = self.find(delta.name)
        if weight:
            self.change(weight, delta)
        else:
            self.change_matrices(delta)

    def find(self, name: str) -> Entry | None:
        """Return the base's weight by an adapter's name, or by llama.cpp's; None without it."""
        for alias in (name, *LLAMA_CPP.get(name, ())):
            weight = self.base_tensors.find(alias)
            if weight:
                return weight
        return None

    def change_matrices(self, delta: Delta) -> None:
        """Add a delta to the projections that it is made of, where these have other names.

        The two may be stored otherwise: experts one by one or stacked, under llama.cpp's names.

        Raises:
            AdapterMismatch: Where the base lacks one of them, or has it in another shape.
        """
        absent = self.mismatch(f"it changes {delta.name!r}, which is not there")
        tensors = [tensor for tensor in self.delta_tensors if tensor.entry.name == delta.name]
        if not tensors:
            raise absent
        [tensor] = tensors
        first = self.matrices.get((tensor.layer, tensor.parts[0], tensor.experts[0]))
        if first and cut_alike(first.tensor, tensor):
            self.change(first.tensor.entry, delta)
            return

        for index, (part, expert) in enumerate(zip(tensor.parts, tensor.experts, strict=True)):
            place = self.matrices.get((tensor.layer, part, expert))
            if place is None or place.tensor.groups > 1:
                raise absent
            of_matrix = matrix_delta(delta, tensor, index)
            if len(place.tensor.parts) == 1:
                self.change(place.tensor.entry, of_matrix)
            else:
                self.change_part(place, of_matrix)

    @cached_property
    def delta_tensors(self) -> tuple[ProjectionTensor, ...]:
        """How the adapter's deltas are cut into projections."""
        return layout_of(self.adapter).projections

    @cached_property
    def matrices(self) -> dict[tuple[int, str, int | None], BasePlace]:
        """Where each projection of each layer and expert is in the base."""
        places = {}
        for tensor in self.projections:
            for index, (part, expert) in enumerate(zip(tensor.parts, tensor.experts, strict=True)):
                places[tensor.layer, part, expert] = BasePlace(tensor, index)
        return places

    def change_part(self, place: BasePlace, delta: Delta) -> None:
        """Add a delta to one of the projections that a tensor holds.

        Raises:
            AdapterMismatch: Where it has another shape.
        """
        shape = place.tensor.shapes[place.number]
        if shape != delta.shape:
            raise self.other_shape(place.tensor.entry.name, delta, shape)
        part = ChangedPart(place.tensor, place.number, delta, self.heads(delta))
        self.parts.setdefault(place.tensor.entry.name, []).append(part)

    def change(self, weight: Entry, delta: Delta) -> None:
        """Add a delta to one weight.

        Raises:
            AdapterMismatch: Where it has another shape.
        """
        *stack, rows, columns = delta.shape
        if weight.shape not in ((*stack, rows, columns), (*stack, columns, rows)):
            raise self.other_shape(weight.name, delta, weight.shape)
        transposed = is_transposed(weight, delta, weight.name in self.transposed)
        entry = self.entries[weight.name]
        self.entries[weight.name] = with_delta(
            entry, delta, transposed=transposed, heads=self.heads(delta)
        )

    def merged(self) -> list[Entry]:
        """Return the tensors with all changes."""
        for name, parts in self.parts.items():
            self.entries[name] = with_parts(self.entries[name], parts)
        return list(self.entries.values())

    def heads(self, delta: Delta) -> int | None:
        """Return how many heads a delta's rows are ordered by; None where they are not.

        Raises:
            AdapterMismatch: Where the base does not say.
        """
        heads = heads_of(delta, self.base.config)
        if heads == 0:
            reason = f"the heads that order the rows of {delta.name!r} are not in its config.json"
            raise self.mismatch(reason)
        return heads

    def other_shape(self, name: str, delta: Delta, shape: Sequence[int]) -> AdapterMismatch:
        """Return the error for a weight of another shape than its delta."""
        stored = " x ".join(map(str, shape))
        changed = " x ".join(map(str, delta.shape))
        return self.mismatch(f"it changes {name!r} as {changed}, which is {stored} there")

    def mismatch(self, reason: str) -> AdapterMismatch:
        """Return the error for an adapter of another base."""
        source, base = self.adapter.source, self.base.source
        return AdapterMismatch(source=source, base=base, reason=reason)
