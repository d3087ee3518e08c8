"""Merges of models of one shape, tensor by tensor."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from zoo.anatomy import NAMES
from zoo.models import Made

KEPT = 0.5  # share of each task vector that a TIES merge keeps
DROPPED = 0.5  # share of each task vector that DARE draws to leave out


def average(weights: Sequence[float]) -> Callable[[Sequence[Made], int], Made]:
    """A weighted mean."""

    def merge(tensors: Sequence[Tensor]) -> Tensor:
        return sum(weight * tensor for weight, tensor in zip(weights, tensors, strict=True))

    return _each(merge)


def slerp(share: float) -> Callable[[Sequence[Made], int], Made]:
    """On the arc between two tensors' directions, so far from the first."""

    def merge(tensors: Sequence[Tensor]) -> Tensor:
        a, b = tensors
        cosine = torch.dot(a.flatten(), b.flatten()) / (a.norm() * b.norm()).clamp_min(1e-12)
        angle = torch.arccos(cosine.clamp(-1, 1))
        if angle < 1e-4:
            return torch.lerp(a, b, share)
        return (torch.sin((1 - share) * angle) * a + torch.sin(share * angle) * b) / torch.sin(
            angle
        )

    return _each(merge)


def ties(tensors: Sequence[Tensor]) -> Tensor:
    """The first is the base: the others' largest differences, with the elected sign, averaged (arXiv 2306.01708)."""
    base, updates = tensors[0], torch.stack([tensor - tensors[0] for tensor in tensors[1:]])
    flat = updates.abs().flatten(1)
    least = flat.kthvalue(max(1, round((1 - KEPT) * flat.shape[1])), dim=1).values
    updates = updates * (updates.abs() > least.view(-1, *[1] * base.ndim))
    agreeing = updates * (updates.sign() == updates.sum(0).sign())
    return base + agreeing.sum(0) / (agreeing != 0).sum(0).clamp_min(1)


def stock(tensors: Sequence[Tensor]) -> Tensor:
    """The first is the base: the others' mean, nearer to it the wider their angle is (arXiv 2403.19522)."""
    base = tensors[0]
    updates = torch.stack([(tensor - base).flatten() for tensor in tensors[1:]])
    units = updates / updates.norm(dim=1, keepdim=True).clamp_min(1e-12)
    count = len(updates)
    cosine = ((units @ units.T).sum() - units.square().sum()) / (count * (count - 1))
    share = (count * cosine / (1 + (count - 1) * cosine)).clamp(0, 1)
    return base + share * updates.mean(0).view_as(base)


def dare_ties(parents: Sequence[Made], seed: int) -> Made:
    """TIES of task vectors of which a random half was dropped, the rest doubled (arXiv 2311.03099)."""
    draw = torch.Generator().manual_seed(seed)

    def merge(tensors: Sequence[Tensor]) -> Tensor:
        base = tensors[0]
        thinned = [base]
        for tensor in tensors[1:]:
            kept = torch.rand(base.shape, generator=draw) >= DROPPED
            thinned.append(base + kept * (tensor - base) / (1 - DROPPED))
        return ties(thinned)

    return _each(merge)(parents, seed)


def by_layer(sources: Callable[[int], Sequence[int]]) -> Callable[[Sequence[Made], int], Made]:
    """Layers from several parents: sources(8) names the parent of each of eight. The rest is the first's."""

    def change(parents: Sequence[Made], _: int) -> Made:
        model = parents[0].model
        stem = NAMES[model.config.model_type].layers
        for place, source in enumerate(sources(model.config.num_hidden_layers)):
            layer = parents[source].model.get_submodule(f"{stem}.{place}")
            model.get_submodule(f"{stem}.{place}").load_state_dict(layer.state_dict())
        return parents[0]

    return change


def alternately(count: int) -> list[int]:
    """The layers of two parents in turn."""
    return [place % 2 for place in range(count)]


def second_half(count: int) -> list[int]:
    """The first parent's layers, then the second's."""
    return [int(place >= count // 2) for place in range(count)]


def _each(merge: Callable[[Sequence[Tensor]], Tensor]) -> Callable[[Sequence[Made], int], Made]:
    def change(parents: Sequence[Made], _: int) -> Made:
        every = [dict(parent.model.named_parameters()) for parent in parents]
        with torch.no_grad():
            for name, parameter in every[0].items():
                parameter.copy_(merge([own[name] for own in every]))
        return parents[0]

    return change


ties_merge = _each(ties)
stock_merge = _each(stock)
