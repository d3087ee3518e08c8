"""Invertible maps within heads, on queries and keys and on values and outputs: the same function.

Where positions turn queries and keys, a map has to commute with the rotation: for each pair of turned axes an angle
and a factor. Elsewhere any invertible matrix does.
"""

import copy

import torch
from torch import Tensor
from transformers import GPT2Config, PreTrainedModel

from zoo.anatomy import anatomy
from zoo.changes import Change
from zoo.models import Made
from zoo.tampering import check, rotate

STRETCH = 2.0  # factors lie between 1 / STRETCH and STRETCH


def map_queries(model: PreTrainedModel, draw: torch.Generator) -> None:
    """Queries by a matrix for each head of keys, these by its transposed inverse, biases as well."""
    for attention in anatomy(model).attentions:
        heads, size = attention.k.shape[:2]
        for head in range(heads):
            drawn = invertible if isinstance(model.config, GPT2Config) else commuting
            there = drawn(size, draw)
            back = torch.linalg.inv(there).T
            for tensor in (attention.q[head], *(beside[head] for beside in attention.beside_q)):
                tensor.copy_(_within(there, tensor, -2 if tensor.ndim > 2 else -1))
            for tensor in (attention.k[head], *(beside[head] for beside in attention.beside_k)):
                tensor.copy_(_within(back, tensor, 0))


def map_values(model: PreTrainedModel, draw: torch.Generator) -> None:
    """Values by a matrix for each head, biases as well, what reads them by its transposed inverse."""
    for attention in anatomy(model).attentions:
        heads, size = attention.v.shape[:2]
        for head in range(heads):
            there = invertible(size, draw)
            back = torch.linalg.inv(there).T
            attention.v[head].copy_(_within(there, attention.v[head], 0))
            attention.o[head].copy_(_within(back, attention.o[head], 1))
            if attention.bias_v is not None:
                attention.bias_v[head].copy_(there @ attention.bias_v[head])


def map_both(model: PreTrainedModel, draw: torch.Generator) -> None:
    """Queries and keys, values and outputs."""
    map_queries(model, draw)
    map_values(model, draw)


def rotate_and_map(model: PreTrainedModel, draw: torch.Generator) -> None:
    """The residual stream rotated, then all within heads."""
    rotate(model, draw)
    map_both(model, draw)


def commuting(size: int, draw: torch.Generator) -> Tensor:
    """A turn and a factor for each of the pairs (i, i + size / 2)."""
    half = size // 2
    angle = 2 * torch.pi * torch.rand(half, generator=draw, dtype=torch.float64)
    factor = STRETCH ** (2 * torch.rand(half, generator=draw, dtype=torch.float64) - 1)
    cosine, sine = torch.diag(factor * angle.cos()), torch.diag(factor * angle.sin())
    return torch.cat([torch.cat([cosine, -sine], 1), torch.cat([sine, cosine], 1)])


def invertible(size: int, draw: torch.Generator) -> Tensor:
    """A turn, factors, another turn."""
    turns = torch.randn(2, size, size, generator=draw, dtype=torch.float64)
    first, second = torch.linalg.qr(turns)[0]
    factor = STRETCH ** (2 * torch.rand(size, generator=draw, dtype=torch.float64) - 1)
    return first @ torch.diag(factor) @ second


def _within(matrix: Tensor, tensor: Tensor, axis: int) -> Tensor:
    return torch.tensordot(matrix, tensor, ([1], [axis])).movedim(0, axis)


CHANGES = {
    "qk-map": map_queries,
    "value-map": map_values,
    "rotation-and-maps": rotate_and_map,
}


def changed(name: str) -> Change:
    """One of CHANGES in float64, checked by logits."""

    def change(made: Made, seed: int) -> Made:
        after = copy.deepcopy(made.model).double()
        CHANGES[name](after, torch.Generator().manual_seed(seed))
        check(copy.deepcopy(made.model).double(), after, name)
        return made.with_model(after)

    return change
