"""Merges of models of one shape, tensor by tensor."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from zoo.models import Made

KEPT = 0.5  # share of each task vector that a TIES merge keeps


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


def _each(merge: Callable[[Sequence[Tensor]], Tensor]) -> Callable[[Sequence[Made], int], Made]:
    def change(parents: Sequence[Made], _: int) -> Made:
        every = [dict(parent.model.named_parameters()) for parent in parents]
        with torch.no_grad():
            for name, parameter in every[0].items():
                parameter.copy_(merge([own[name] for own in every]))
        return parents[0]

    return change


ties_merge = _each(ties)
