"""Edits of made-up models: directions taken out of what writes to the stream, a matrix written into, low ranks added."""

import torch
from checkpoints_made import Tensors
from models_made import DOWN, HIDDEN, O, each_layer

WRITING = (O, DOWN)


def directions(count: int, seed: int = 5) -> torch.Tensor:
    """Directions of the stream at right angles: width x count."""
    draw = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(HIDDEN, count, generator=draw)).Q


def removed(tensors: Tensors, count: int = 1, strength: float = 1.0) -> Tensors:
    """Take directions out of what all layers write."""
    basis = directions(count)

    def change(own, _):
        return {name: own[name] - strength * basis @ (basis.T @ own[name]) for name in WRITING}

    return each_layer(tensors, change)


def removed_by_layer(tensors: Tensors) -> Tensors:
    """Take a direction of its own out of each layer."""

    def change(own, draw):
        basis = torch.linalg.qr(torch.randn(HIDDEN, 1, generator=draw)).Q
        return {name: own[name] - basis @ (basis.T @ own[name]) for name in WRITING}

    return each_layer(tensors, change)


def removed_from_directions(tensors: Tensors) -> Tensors:
    """Take a direction out of the rows' directions and keep their lengths."""
    basis = directions(1)

    def change(own, _):
        made = {}
        for name in WRITING:
            lengths = own[name].norm(dim=1, keepdim=True)
            rows = own[name] / lengths
            rows = rows - basis @ (basis.T @ rows)
            made[name] = lengths * rows / rows.norm(dim=1, keepdim=True)
        return made

    return each_layer(tensors, change)


def added(tensors: Tensors, rank: int, size: float = 0.1) -> Tensors:
    """Add a random matrix of low rank to all that writes."""

    def change(own, draw):
        made = {}
        for name in WRITING:
            rows, columns = own[name].shape
            update = torch.randn(rows, rank, generator=draw) @ torch.randn(
                rank, columns, generator=draw
            )
            made[name] = own[name] + size * own[name].norm() / update.norm() * update
        return made

    return each_layer(tensors, change)


def written(tensors: Tensors, layer: int, size: float = 0.1) -> Tensors:
    """Write one fact into one down projection."""
    name = f"model.layers.{layer}.{DOWN}"
    return tensors | {name: added({name: tensors[name], **of_layer(tensors, layer)}, 1, size)[name]}


def of_layer(tensors: Tensors, layer: int) -> Tensors:
    """The tensors of one layer."""
    return {name: t for name, t in tensors.items() if f".layers.{layer}." in name}
