"""Tensor names and shapes become the seven projections of every layer.

The names themselves are in projections.toml.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.architectures.config_types import check_rival, stated_types, typed_namings
from registry.architectures.fused import split_of
from registry.architectures.names import Kind, LayerPlace, marked_namings, recognise
from registry.architectures.orientation import MatchedTensor, orientation_of
from registry.architectures.part_checks import check_parts
from registry.architectures.projection_tensors import Layout, ProjectionTensor
from registry.architectures.roles import PROJECTIONS
from registry.architectures.rotary_rows import in_one_order
from registry.architectures.stacks import choose, draft_layers
from registry.architectures.stored_heads import as_matrix
from registry.architectures.tensor_groups import OTHER, group_of
from registry.checkpoints import Entry
from registry.checkpoints.dtypes import FLOATING
from registry.checkpoints.limits import limit
from registry.errors import NotAMatrix, QuantisedWeights

if TYPE_CHECKING:
    from registry.architectures.name_table import Row

MOST_EXPERTS = limit("experts")


def model_layout(entries: Iterable[Entry], config: dict[str, Any]) -> Layout:
    """Find the projections among a model's tensors, by name and shape alone.

    Args:
        entries: The index of the checkpoint's tensors; none of them is read.
        config: config.json, asked only for the number of heads, which interleaved tensors do not
            show.

    Raises:
        QuantisedWeights: For a projection whose numbers are no floats.
        NotAMatrix: For a projection that is no matrix, or no stack of matrices.
        CannotSplit: For a tensor of several projections that does not show how to cut it.
    """
    entries = list(entries)
    types = stated_types(config)
    marked = marked_namings(entry.name for entry in entries) | typed_namings(config)
    matched: list[MatchedTensor] = []
    in_towers: list[MatchedTensor] = []
    others: list[Entry] = []
    unknown: list[Entry] = []
    ignored: list[Entry] = []
    towers: set[str] = set()

    for entry in entries:
        kind, match, tower, _ = recognise(entry.name, marked)
        if is_empty(entry) or (match is None and is_constant(entry, kind)):
            ignored.append(entry)
            continue
        if match:
            check_rival(match.row, entry.name, types)
        if match and tower:
            in_towers.append(MatchedTensor(entry, match))
        elif match:
            matched.append(MatchedTensor(entry, match))
        else:
            others.append(entry)
        if tower:
            towers.add(tower)
        if kind is Kind.UNKNOWN and is_unknown(entry):
            unknown.append(entry)

    if not matched:  # a vision model of its own is no tower of another
        projections = projection_tensors(in_towers, config, ignored)
        return Layout(projections, tuple(others), tuple(unknown), ignored=tuple(ignored))

    drafts = draft_layers(entries)
    drafting = [tensor for tensor in matched if tensor.entry.name.startswith(drafts)]
    if len(drafting) == len(matched):
        drafts, drafting = (), []
    lasting = [tensor for tensor in matched if not tensor.entry.name.startswith(drafts)]
    chosen = choose(lasting, others)
    others += [entry for entry, _ in (*in_towers, *drafting, *chosen.beside)]
    return Layout(
        projections=projection_tensors(chosen.model, config, ignored),
        others=tuple(others),
        unknown=tuple(unknown),
        towers=tuple(sorted(towers.union(chosen.paths))),
        ignored=tuple(ignored),
        second=tuple(entry for entry, _ in chosen.beside),
        drafts=drafts,
    )


def is_empty(entry: Entry) -> bool:
    """Return whether a tensor is a matrix without a value: one of its dimensions is 0."""
    return len(entry.shape) == 2 and not entry.count  # noqa: PLR2004


def is_constant(entry: Entry, kind: Kind) -> bool:
    """Return whether a tensor is no weight: what the program computes, by its name.

    `attn.bias` is the mask of GPT-2's attention, but a row of numbers is a bias.
    """
    is_row = len(entry.shape) == 1
    return kind is Kind.BUFFER and not (is_row and entry.name.endswith(".bias"))


def is_unknown(entry: Entry) -> bool:
    """Return whether a tensor of a name that no table has is to be called unknown.

    Norms, biases and scales are rows of numbers: most of their names tell what they are.
    """
    return len(entry.shape) > 1 or group_of(entry.name) == OTHER


def projection_tensors(
    matched: Sequence[MatchedTensor], config: dict[str, Any], ignored: Sequence[Entry] = ()
) -> tuple[ProjectionTensor, ...]:
    """Give every matched tensor its layer and its cuts, in the order of layers and projections."""
    tensors = [as_matrix(tensor) for tensor in join_heads(matched)]
    for entry, match in tensors:
        check_dimensions(entry, 3 if match.row.experts else 2)

    tensors = in_one_order(tensors, config, ignored)
    layers = layer_numbers({tensor.match.place for tensor in tensors})
    orientation = orientation_of(tensors)
    attention_widths: dict[LayerPlace, int] = {}
    for tensor in tensors:
        if tensor.match.row.parts == ("output",):
            attention_widths[tensor.match.place] = orientation.inputs(tensor)

    projections = []
    for tensor in tensors:
        entry, match = tensor
        row = match.row
        transposed = orientation.transposed(tensor)
        height = entry.shape[-1 if transposed else -2]
        attention_width = attention_widths.get(match.place)
        split = split_of(entry, row, height, attention_width, config)
        experts = range(entry.shape[0]) if row.experts else (match.expert,)
        projection = ProjectionTensor(
            entry=entry,
            naming=row.naming,
            layer=layers[match.place],
            parts=row.parts * len(experts),
            experts=tuple(expert for expert in experts for _ in row.parts),
            transposed=transposed,
            sizes=split.sizes,
            groups=split.groups,
            number=row.layer,
        )
        projections.append(projection)
    check_parts(projections)
    return tuple(sorted(projections, key=reading_order))


def reading_order(tensor: ProjectionTensor) -> tuple[int, int, int]:
    """Return what tensors are sorted by: layer, projection, expert."""
    return tensor.layer, PROJECTIONS.index(tensor.parts[0]), tensor.experts[0] or 0


def check_dimensions(entry: Entry, dimensions: int) -> None:
    """Check that a projection is a matrix of floats, or a stack of as many as there are experts.

    Raises:
        QuantisedWeights: Where its numbers are no floats.
        NotAMatrix: Where its shape is another.
    """
    if entry.dtype not in FLOATING:
        raise QuantisedWeights(tensor=entry.name, dtype=entry.dtype.name)
    fits = len(entry.shape) == dimensions
    if fits and dimensions == 3:  # noqa: PLR2004  # experts x rows x columns
        fits = 0 < entry.shape[0] <= MOST_EXPERTS
    if not fits:
        raise NotAMatrix(tensor=entry.name, shape=list(entry.shape))


def layer_numbers(places: Iterable[LayerPlace]) -> dict[LayerPlace, int]:
    """Return the number of every layer.

    It is the one in the names; with several stacks (an encoder and a decoder), layers are counted
    through.
    """
    in_order = sorted(places)
    stacks = {place.stack for place in in_order}
    if len(stacks) == 1:
        return {place: place.layer for place in in_order}
    return {place: number for number, place in enumerate(in_order)}


def join_heads(matched: Sequence[MatchedTensor]) -> list[MatchedTensor]:
    """Join the heads of a projection that are tensors of their own; other tensors stay the same.

    Raises:
        QuantisedWeights, NotAMatrix: Where heads of one projection do not fit each other.
    """
    whole: list[MatchedTensor] = []
    heads: dict[tuple[Row, LayerPlace], list[MatchedTensor]] = {}
    for tensor in matched:
        match = tensor.match
        if match.head is None:
            whole.append(tensor)
        else:
            heads.setdefault((match.row, match.place), []).append(tensor)

    for group in heads.values():
        in_order = sorted(group, key=attrgetter("match.head"))
        whole.append(concatenated(in_order))
    return whole


def concatenated(heads: Sequence[MatchedTensor]) -> MatchedTensor:
    """Return the heads of one projection as one tensor, named as head 0, whose rows come first."""
    entries = [entry for entry, _ in heads]
    first, match = heads[0]
    for entry in entries:
        check_dimensions(entry, 2)
        if entry.shape != first.shape:
            raise NotAMatrix(tensor=entry.name, shape=list(entry.shape))

    rows, columns = first.shape
    shape = (rows * len(entries), columns)
    whole = replace(first, shape=shape, read=partial(read_stacked, entries), head=None)
    return MatchedTensor(whole, match)


def read_stacked(entries: Sequence[Entry]) -> np.ndarray:
    """Read several matrices, one below the other."""
    return np.concatenate([entry.array() for entry in entries])
