"""How one weight of a base is changed by an adapter when it is read."""

from typing import TYPE_CHECKING

from registry.checkpoints.tensors import BiasDelta, Delta, Entry, TokenRows
from registry.numerics.arrays import torch_library

if TYPE_CHECKING:
    import torch


def with_delta(weight: Entry, delta: Delta, *, transposed: bool, heads: int | None) -> Entry:
    """Return a weight's entry whose delta is added when it is read, in the weight's own type.

    With DoRA (arXiv 2402.09353, equation 5) every output's weights are then scaled to the length
    that was learnt; an embedding's outputs are its columns.

    Args:
        transposed: Whether the weight is stored inputs x outputs.
        heads: How many heads the delta's rows are ordered by, where their halves alternate.
    """

    def load() -> "torch.Tensor":
        from registry.checkpoints.peft.initial_base import initial_base  # noqa: PLC0415  # torch

        stored = weight.load()
        change = delta.load()
        if heads:
            change = in_halves(change, heads)
        base = initial_base(stored, delta)
        total = base + (change.mT if transposed else change)
        if delta.magnitude:
            magnitude = delta.magnitude.load().flatten()
            by_column = transposed or len(magnitude) != len(total)
            axis = 0 if by_column else 1
            lengths = torch_library().linalg.vector_norm(total, dim=axis, keepdim=True)
            total = magnitude.reshape(lengths.shape) / lengths * total
        return total.to(stored.dtype)

    return Entry(weight.name, weight.dtype, weight.shape, load)


def in_halves(change: "torch.Tensor", heads: int) -> "torch.Tensor":
    """Return rows with each head's even ones before its odd ones."""
    pairs = change.view(heads, -1, 2, change.shape[-1])
    return pairs.transpose(1, 2).reshape(change.shape)


def with_rows(weight: Entry, rows: TokenRows) -> Entry:
    """Return an embedding's entry in which some rows are set when it is read."""

    def load() -> "torch.Tensor":
        stored = weight.load()
        places = torch_library().tensor(rows.tokens)
        return stored.index_copy(0, places, rows.load().to(stored.dtype))

    return Entry(weight.name, weight.dtype, weight.shape, load)


def with_bias(bias: Entry, delta: BiasDelta) -> Entry:
    """Return a bias's entry to which a scaled vector is added when it is read."""

    def load() -> "torch.Tensor":
        stored = bias.load()
        return (stored + delta.scaling * delta.load()).to(stored.dtype)

    return Entry(bias.name, bias.dtype, bias.shape, load)
