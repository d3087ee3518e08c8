"""One order of query's and key's rows, whichever of two the rotary embedding was written for.

Meta's code rotates neighbours, rows 2i and 2i + 1 of a head; Hugging Face's rotates rows i and
i + half. A converter reorders the rows (convert_llama_weights_to_hf.py, `permute`); here neighbours
become halves, so that both copies of a model are one.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from registry.architectures.fused import head_count
from registry.architectures.name_table import namings
from registry.architectures.orientation import MatchedTensor
from registry.checkpoints import Delta, Entry
from registry.numerics.arrays import contiguous

ROTATED = (("query",), ("key",))
FREQUENCIES = "rope.freqs"  # a buffer of Meta's: one number for each pair of a head's rows


def in_one_order(
    tensors: Sequence[MatchedTensor], config: dict[str, Any], ignored: Iterable[Entry]
) -> list[MatchedTensor]:
    """Return tensors with query's and key's rows in halves, where their naming has pairs.

    Where nothing tells the size of a head, they stay as they are.

    Args:
        config: config.json or params.json, asked for the number of heads.
        ignored: Buffers, one of which may tell the size of a head.
    """
    size = head_size(tensors, config, ignored)
    ordered = []
    for tensor in tensors:
        if size and has_pairs(tensor) and tensor.entry.shape[0] % size == 0:
            ordered.append(MatchedTensor(halved(tensor.entry, size), tensor.match))
        else:
            ordered.append(tensor)
    return ordered


def has_pairs(tensor: MatchedTensor) -> bool:
    """Return whether a tensor's naming keeps the rows that are rotated together as neighbours."""
    row = tensor.match.row
    is_rotated = row.parts in ROTATED and len(tensor.entry.shape) > 1
    is_model = not isinstance(tensor.entry, Delta)
    return is_rotated and is_model and namings()[row.naming].get("rotary") == "pairs"


def head_size(
    tensors: Iterable[MatchedTensor], config: dict[str, Any], ignored: Iterable[Entry]
) -> int:
    """Return the rows of a head; 0 where neither config nor buffer tells them."""
    stated = config.get("head_dim")
    if type(stated) is int and stated > 0 and stated % 2 == 0:
        return stated
    heads = head_count(config)
    if type(heads) is int and heads > 0:
        for tensor in tensors:
            if tensor.match.row.parts == ("query",):
                size, remainder = divmod(tensor.entry.shape[0], heads)
                return 0 if remainder or size % 2 else size
    for entry in ignored:
        if entry.name.endswith(FREQUENCIES) and len(entry.shape) == 1:
            return 2 * entry.shape[0]
    return 0


def halved(entry: Entry, size: int) -> Entry:
    """Return an entry whose heads' even rows come before their odd ones, once it is read."""
    head = None if entry.head is None else partial(first_halved, entry, size)
    return replace(entry, read=partial(read_halved, entry, size), head=head)


def read_halved(entry: Entry, size: int) -> np.ndarray:
    """Read a matrix of heads with its rows in halves."""
    return in_halves(entry.array(), size)


def first_halved(entry: Entry, size: int, count: int) -> np.ndarray:
    """Read the first values, row by row, from no more heads than hold them."""
    columns = entry.shape[1]
    heads = math.ceil(count / (columns * size))
    values = entry.first(heads * size * columns)
    rows = in_halves(values.reshape(-1, columns), size)
    return rows.reshape(-1)[:count]


def in_halves(matrix: np.ndarray, size: int) -> np.ndarray:
    """Return (heads * size) x inputs with every head's even rows before its odd ones."""
    rest = matrix.shape[1:]
    pairs = matrix.reshape(-1, size // 2, 2, *rest)  # heads x pairs x 2 x inputs
    return contiguous(pairs.swapaxes(1, 2)).reshape(matrix.shape)
