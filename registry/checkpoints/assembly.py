"""One model put together from the files of several ranks, where the format says how.

It does for Meta's consolidated.00.pth, .01.pth, ..., whose names tell along which axis a matrix is
cut, and for DTensors, which state it. Everything else is refused as a part.
"""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from registry.checkpoints.ranks import RANK_OF_WORLD, is_part, missing_ranks, parts_of
from registry.checkpoints.tensors import Contents, Entry, Piece
from registry.errors import MissingPart, PartOfModel

META = re.compile(r"consolidated\.(?P<rank>\d\d)\.pth?$")
# Meta's matrices, outputs x inputs: those cut by rows, and those cut by columns.
BY_ROWS = re.compile(r"(attention\.(wq|wk|wv)|feed_forward\.(w1|w3)|(^|\.)output)\.weight$")
BY_COLUMNS = re.compile(r"(attention\.wo|feed_forward\.w2)\.weight$")
EMBEDDINGS = re.compile(r"(^|\.)tok_embeddings\.weight$")
NORM = re.compile(r"(^|\.)norm\.weight$")
MATRIX = 2


class Part(NamedTuple):
    """The contents of one rank's file, and what errors call it."""

    label: str
    contents: Contents


def check_ranks(names: Sequence[str], label: str) -> None:
    """Check that the files of all ranks are there.

    Raises:
        MissingPart: Where the names state how many there are, or leave out one before the last.
    """
    missing = missing_ranks(names)
    for position, name in enumerate(names):
        rank = META.search(name)
        if rank and int(rank["rank"]) != position:
            start = name.removesuffix(rank[0])
            missing.append(f"{start}consolidated.{position:02d}.pth")
            break
    if missing:
        shown = ", ".join(PurePosixPath(name).name for name in missing[:3])
        raise MissingPart(path=label, missing=shown)


def says_how_it_is_cut(name: str) -> bool:
    """Return whether files of this name are of a format that can tell how matrices were cut."""
    return bool(META.search(name) or RANK_OF_WORLD.search(name))


def part_of_model(label: str, position: int, count: int) -> PartOfModel:
    """Return the error for a part that is not put together with the others."""
    return PartOfModel(path=label, share=f"part {position + 1} of {count}")


def names_of_parts(name: str, names: Sequence[str]) -> list[str]:
    """Return the files of all ranks where a file is a part of a model; none where it is whole."""
    return parts_of(name, names) if is_part(name, names) else []


def assembled(parts: Sequence[Part], named: int) -> Contents:
    """Return the model that the parts make up.

    Args:
        parts: All of them, in the ranks' order.
        named: The position of the one that errors are about.

    Raises:
        PartOfModel: Where nothing says how its tensors were cut.
        MissingPart: Where the pieces of a tensor do not make it up.
    """
    by_name: dict[str, list[Entry]] = {}
    for part in parts:
        for entry in part.contents.entries:
            by_name.setdefault(entry.name, []).append(entry)

    is_meta = META.search(parts[0].label)
    width = meta_width(parts[0].contents.entries)
    whole = []
    for pieces in by_name.values():
        if isinstance(pieces[0], Piece):
            whole.append(from_distributed(pieces, parts[named].label))
            continue
        joint = None
        if is_meta and width and len(pieces) == len(parts):
            joint = from_meta(pieces, width, parts[named].label)
        if joint is None:
            raise part_of_model(parts[named].label, named, len(parts))
        whole.append(joint)
    return Contents(whole, parts[0].contents.config, parts[0].contents.finished)


def from_distributed(pieces: Sequence[Entry], label: str) -> Entry:
    """Return a tensor that states how it was distributed: enough ranks to make it up, in order."""
    first = pieces[0]
    assert isinstance(first, Piece)
    if first.axis is None:
        return first
    chosen: list[Entry] = []
    length = 0
    for piece in pieces:
        if length == first.whole[first.axis]:
            break
        chosen.append(piece)
        length += piece.shape[first.axis]
    whole = joined(chosen, first.axis)
    if whole.shape != first.whole:
        raise MissingPart(path=label, missing=f"{first.name} of {list(first.whole)}")
    return whole


def meta_width(entries: Sequence[Entry]) -> int | None:
    """Return the model's width, which its last norm tells: norms are whole in every part."""
    for entry in entries:
        if NORM.search(entry.name) and len(entry.shape) == 1:
            return entry.shape[0]
    return None


def from_meta(pieces: Sequence[Entry], width: int, label: str) -> Entry | None:
    """Return a tensor of Meta's layout, None where its name does not tell how it was cut.

    Raises MissingPart.
    """
    first = pieces[0]
    if len(first.shape) != MATRIX:
        return first
    rows, columns = first.shape
    if EMBEDDINGS.search(first.name):  # by columns until Llama 2, by rows from Llama 3 on
        axis = 0 if columns == width else 1
    elif BY_ROWS.search(first.name) and columns == width:
        axis = 0
    elif BY_COLUMNS.search(first.name) and rows == width:
        axis = 1
    else:
        return None
    whole = joined(pieces, axis)
    if EMBEDDINGS.search(first.name) and whole.shape[1] != width:
        missing = f"{first.name} has {whole.shape[1]} of {width} columns"
        raise MissingPart(path=label, missing=missing)
    return whole


def joined(pieces: Sequence[Entry], axis: int) -> Entry:
    """Return the entry of a tensor whose pieces lie one after the other along an axis."""
    first = pieces[0]
    shape = list(first.shape)
    shape[axis] = sum(piece.shape[axis] for piece in pieces)
    read = partial(load_joined, tuple(pieces), axis)
    stored = sum(piece.stored_bytes for piece in pieces)
    return Entry(first.name, first.dtype, tuple(shape), read, first.stored, bytes_stored=stored)


def load_joined(pieces: Sequence[Entry], axis: int) -> np.ndarray:
    """Read all pieces and put them together."""
    return np.concatenate([piece.array() for piece in pieces], axis)
