"""Projections that are stored head by head, or inputs x outputs, as plain matrices."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from registry.architectures.orientation import MatchedTensor
from registry.checkpoints import Entry
from registry.errors import NotAMatrix

if TYPE_CHECKING:
    from torch import Tensor

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


def read_transposed(entry: Entry) -> "Tensor":
    """Read a matrix of inputs x outputs as outputs x inputs."""
    return entry.load().T.contiguous()


def read_heads(entry: Entry) -> "Tensor":
    """Read heads x inputs x outputs as (heads * outputs) x inputs."""
    return entry.load().mT.flatten(0, 1).contiguous()


def read_output_heads(entry: Entry) -> "Tensor":
    """Read heads x inputs x outputs as outputs x (heads * inputs)."""
    return entry.load().flatten(0, 1).T.contiguous()
