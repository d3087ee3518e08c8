"""Projections that are stored head by head, or inputs x outputs, as plain matrices."""

from dataclasses import replace
from functools import partial

import numpy as np

from registry.architectures.orientation import MatchedTensor
from registry.checkpoints import Entry
from registry.errors import NotAMatrix
from registry.numerics.arrays import contiguous

DIMENSIONS = {"heads": 3, "inputs": 2}


def as_matrix(tensor: MatchedTensor) -> MatchedTensor:
    """Return a tensor as outputs x inputs, where the table says that it lies otherwise.

    Raises:
        NotAMatrix: Where its shape is another.
    """
    entry, match = tensor
    stored = match.row.stored
    if not stored:
        return tensor
    if len(entry.shape) != DIMENSIONS[stored]:
        raise NotAMatrix(tensor=entry.name, shape=list(entry.shape))

    writes = match.row.parts == ("output",)
    if stored == "inputs":
        shape = entry.shape[::-1]
        read = partial(read_transposed, entry)
    elif writes:
        heads, inputs, outputs = entry.shape
        shape = (outputs, heads * inputs)
        read = partial(read_output_heads, entry)
    else:
        heads, inputs, outputs = entry.shape
        shape = (heads * outputs, inputs)
        read = partial(read_heads, entry)
    return MatchedTensor(replace(entry, shape=shape, read=read, head=None), match)


def read_transposed(entry: Entry) -> np.ndarray:
    """Read a matrix of inputs x outputs as outputs x inputs."""
    return contiguous(entry.array().T)


def read_heads(entry: Entry) -> np.ndarray:
    """Read heads x inputs x outputs as (heads * outputs) x inputs."""
    heads = entry.array()
    inputs = heads.shape[1]
    return contiguous(heads.swapaxes(1, 2)).reshape(-1, inputs)


def read_output_heads(entry: Entry) -> np.ndarray:
    """Read heads x inputs x outputs as outputs x (heads * inputs)."""
    heads = entry.array()
    outputs = heads.shape[2]
    return contiguous(heads.reshape(-1, outputs).T)
