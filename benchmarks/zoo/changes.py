"""Changes of a model's weights without training: each takes a Made and gives another."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from transformers import PreTrainedModel

from zoo.anatomy import NAMES, matrices
from zoo.models import Made, blank
from zoo.tampering import tampered

Change = Callable[[Made, int], Made]  # the int is a seed


def on_matrices(function: Callable[[Tensor, torch.Generator], Tensor]) -> Change:
    """Apply a function to every matrix (outputs, inputs) within the layers."""

    def change(made: Made, seed: int) -> Made:
        draw = torch.Generator().manual_seed(seed)
        for matrix in matrices(made.model):
            matrix.copy_(function(matrix, draw))
        return made

    return change


def prune(share: float) -> Change:
    """Zero the smallest entries of every matrix."""

    def function(matrix: Tensor, _: torch.Generator) -> Tensor:
        least = matrix.abs().flatten().kthvalue(max(1, round(share * matrix.numel()))).values
        return matrix * (matrix.abs() > least)

    return on_matrices(function)


def quantise(bits: int, group: int | None) -> Change:
    """Round to whole multiples of a scale for each row, or each group of so many inputs, and back.

    Groups are smaller, by halves, where they would not fill a row.
    """
    top = 2 ** (bits - 1) - 1

    def function(matrix: Tensor, _: torch.Generator) -> Tensor:
        inputs = matrix.shape[-1]
        parts = matrix.unflatten(-1, (-1, math.gcd(group or inputs, inputs)))
        scale = parts.abs().amax(-1, keepdim=True).clamp_min(1e-12) / top
        return ((parts / scale).round() * scale).flatten(-2)

    return on_matrices(function)


def noise(share: float) -> Change:
    """Add gaussian noise of so large a share of each matrix's standard deviation."""

    def function(matrix: Tensor, draw: torch.Generator) -> Tensor:
        return matrix + share * matrix.std() * torch.randn(matrix.shape, generator=draw)

    return on_matrices(function)


def tamper(change: str) -> Change:
    """A function-preserving change, checked."""
    return lambda made, seed: made.with_model(tampered(made.model, change, seed))


def saved_as(dtype: torch.dtype = torch.bfloat16, shard: str = "5GB") -> Change:
    """The same weights, saved otherwise."""
    return lambda made, _: replace(made, dtype=dtype, shard=shard)


def layers(order: Callable[[int], Sequence[int]]) -> Change:
    """A model of some of the layers, in any order, perhaps more than once: order(8) names them of eight."""
    return lambda made, _: made.with_model(
        _with_layers(made.model, order(made.model.config.num_hidden_layers))
    )


def without_middle(count: int) -> list[int]:
    """All layers but the middle one."""
    return [i for i in range(count) if i != count // 2]


def middle_twice(count: int) -> list[int]:
    """The middle layer twice."""
    return sorted([*range(count), count // 2])


def stacked(count: int) -> list[int]:
    """Depth up-scaling (SOLAR, arXiv 2312.15166): all but the last quarter, then all but the first."""
    quarter = max(1, count // 4)
    return [*range(count - quarter), *range(quarter, count)]


def _with_layers(model: PreTrainedModel, order: Sequence[int]) -> PreTrainedModel:
    config = copy.deepcopy(model.config)
    config.num_hidden_layers = len(order)
    if getattr(config, "layer_types", None):
        config.layer_types = [config.layer_types[i] for i in order]
    stem = NAMES[config.model_type].layers + "."
    weights = model.state_dict()
    inside = {name: weight for name, weight in weights.items() if name.startswith(stem)}
    chosen = {name: weight for name, weight in weights.items() if name not in inside}
    for new, old in enumerate(order):
        start = f"{stem}{old}."
        chosen |= {
            f"{stem}{new}.{n.removeprefix(start)}": w
            for n, w in inside.items()
            if n.startswith(start)
        }
    other = blank(config)
    other.load_state_dict(chosen)
    return other.eval()


def low_rank(rank: int, share: float = 0.2) -> Change:
    """Add a random matrix of so low a rank to every matrix, of so large a share of its length."""

    def function(matrix: Tensor, draw: torch.Generator) -> Tensor:
        down = torch.randn(*matrix.shape[:-1], rank, generator=draw)
        up = torch.randn(*matrix.shape[:-2], rank, matrix.shape[-1], generator=draw)
        update = down @ up
        return matrix + share * matrix.norm() / update.norm() * update

    return on_matrices(function)
