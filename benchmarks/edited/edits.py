"""Edits of weights without training: directions taken out, facts written, low ranks added, values rounded."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from zoo import quantising

from edited.weights import Weights

WRITING = ("output", "down")
TOKENS = 24  # of each of two kinds, whose mean embeddings differ by the direction that is taken out
Edit = Callable[[Weights, torch.Generator], None]
OnMatrix = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Removal:
    """How directions are taken out of what writes to the residual stream.

    Attributes:
        strength: 1 takes the direction out whole; less leaves some, more turns it round.
        keeps_norms: Whether every row has the length again that it had.
        by_layer: Whether every layer has directions of its own.
        layers: Which part of the depth, from and to.
        drifting: How far the direction turns from a layer to the next, of its length.
    """

    directions: int = 1
    projections: tuple[str, ...] = WRITING
    layers: tuple[float, float] = (0.0, 1.0)
    strength: float = 1.0
    keeps_norms: bool = False
    by_layer: bool = False
    embedding: bool = False
    drifting: float = 0.0

    def __call__(self, weights: Weights, draw: torch.Generator) -> None:
        """Take them out."""
        first, last = self.of_depth(weights.layers)
        basis = directions(weights, self.directions, draw)
        by_layer = {}
        for layer in weights.layers:
            if self.by_layer:
                basis = directions(weights, self.directions, draw)
            if self.drifting:
                basis = turned(basis, self.drifting, draw)
            by_layer[layer] = basis
        for place, matrix in weights.of_projections(*self.projections).items():
            if first <= place.layer < last:
                matrix.copy_(self.without(matrix, by_layer[place.layer]))
        if self.embedding:
            table = weights.embedding
            table.sub_(self.strength * table @ basis @ basis.T)

    def of_depth(self, layers: list[int]) -> tuple[int, int]:
        """The first layer and the one behind the last."""
        first, last = (round(share * len(layers)) for share in self.layers)
        return first, max(last, first + 1)

    def without(self, matrix: Tensor, basis: Tensor) -> Tensor:
        """W - strength R R^T W; with the rows' lengths kept, of the rows' directions alone."""
        if not self.keeps_norms:
            return matrix - self.strength * basis @ (basis.T @ matrix)
        lengths = matrix.norm(dim=1, keepdim=True).clamp_min(1e-12)
        unit = matrix / lengths
        unit = unit - self.strength * basis @ (basis.T @ unit)
        return lengths * unit / unit.norm(dim=1, keepdim=True).clamp_min(1e-12)


def directions(weights: Weights, count: int, draw: torch.Generator) -> Tensor:
    """Differences of mean embeddings of two sets of tokens, at right angles: width x count."""
    table = weights.embedding
    columns = []
    for _ in range(count):
        chosen = torch.randperm(len(table), generator=draw)[: 2 * TOKENS].chunk(2)
        columns.append(table[chosen[0]].mean(0) - table[chosen[1]].mean(0))
    return torch.linalg.qr(torch.stack(columns, 1)).Q


def turned(basis: Tensor, share: float, draw: torch.Generator) -> Tensor:
    """Directions near others."""
    noise = torch.randn(basis.shape, generator=draw) / len(basis) ** 0.5
    return torch.linalg.qr(basis + share * noise).Q


@dataclass(frozen=True)
class Written:
    """Facts written into the down projections of some layers, as ROME and MEMIT do.

    A key is what the MLP's inner neurons may hold, weighed by the inverse second moments of such; a value is a
    direction of the stream.

    Attributes:
        layers: How many, from the middle on.
        facts: How many, that is the rank of the change.
        size: |change| / |weights|.
    """

    layers: int = 1
    facts: int = 1
    size: float = 0.05

    def __call__(self, weights: Weights, draw: torch.Generator) -> None:
        """Write them."""
        first = weights.layers[len(weights.layers) // 2]
        chosen = range(first, min(first + self.layers, weights.layers[-1] + 1))
        for place, matrix in weights.of_projections("down").items():
            if place.layer not in chosen or place.expert not in (None, 0):
                continue
            rows, inner = matrix.shape
            values = torch.randn(rows, self.facts, generator=draw)
            keys = torch.randn(self.facts, inner, generator=draw).relu()
            change = values @ (keys * (1 + torch.rand(inner, generator=draw)))
            matrix.add_(self.size * matrix.norm() / change.norm() * change)


@dataclass(frozen=True)
class Added:
    """A random matrix of low rank added to projections: a LoRA before it has learnt anything in common."""

    rank: int
    projections: tuple[str, ...] | None = None
    size: float = 0.05

    def __call__(self, weights: Weights, draw: torch.Generator) -> None:
        """Add one to each."""
        chosen = weights.matrices
        if self.projections is not None:
            chosen = weights.of_projections(*self.projections)
        for matrix in chosen.values():
            rows, columns = matrix.shape
            left = torch.randn(rows, self.rank, generator=draw)
            change = left @ torch.randn(self.rank, columns, generator=draw)
            matrix.add_(self.size * matrix.norm() / change.norm() * change)


def each(function: OnMatrix) -> Edit:
    """Apply a function to every matrix."""

    def edit(weights: Weights, draw: torch.Generator) -> None:
        for matrix in weights.matrices.values():
            matrix.copy_(function(matrix, draw))

    return edit


def levels(bits: int, group: int | None) -> OnMatrix:
    """Whole multiples of a scale of each row, or of each group of inputs."""
    top = 2 ** (bits - 1) - 1

    def function(matrix: Tensor, _: torch.Generator) -> Tensor:
        inputs = matrix.shape[1]
        size = inputs if group is None or inputs % group else group
        parts = matrix.unflatten(1, (-1, size))
        scale = parts.abs().amax(-1, keepdim=True).clamp_min(1e-12) / top
        return ((parts / scale).round() * scale).flatten(1)

    return function


def one_scale(matrix: Tensor, _: torch.Generator) -> Tensor:
    """Eight bits, one scale for the whole matrix."""
    scale = matrix.abs().max().clamp_min(1e-12) / 127
    return (matrix / scale).round() * scale


def pruned(share: float) -> OnMatrix:
    """The smallest entries of every matrix become zero."""

    def function(matrix: Tensor, _: torch.Generator) -> Tensor:
        least = matrix.abs().flatten().kthvalue(max(1, round(share * matrix.numel()))).values
        return matrix * (matrix.abs() > least)

    return function


def noise(share: float) -> OnMatrix:
    """Gaussian noise of so large a share of each matrix's standard deviation."""

    def function(matrix: Tensor, draw: torch.Generator) -> Tensor:
        return matrix + share * matrix.std() * torch.randn(matrix.shape, generator=draw)

    return function


def in_blocks(function: OnMatrix, size: int) -> OnMatrix:
    """A function of blocks of so many inputs, of a whole row where they do not fill it."""

    def of_matrix(matrix: Tensor, draw: torch.Generator) -> Tensor:
        return function(matrix, draw) if matrix.shape[1] % size == 0 else matrix

    return of_matrix


REMOVED: dict[str, Edit] = {
    "removed": Removal(),
    "removed and from the embedding": Removal(embedding=True),
    "removed from the middle": Removal(layers=(0.3, 0.8)),
    "removed from down": Removal(projections=("down",)),
    "removed, two directions": Removal(directions=2),
    "removed, three directions": Removal(directions=3),
    "removed by half": Removal(strength=0.5),
    "removed, turned round": Removal(strength=1.5),
    "removed, norms kept": Removal(keeps_norms=True),
    "removed, norms kept, by half": Removal(keeps_norms=True, strength=0.5),
    "removed, each layer its own": Removal(by_layer=True),
    "removed, turning with depth": Removal(drifting=0.3),
}
WRITTEN: dict[str, Edit] = {
    "fact written": Written(),
    "fact written, faintly": Written(size=0.01),
    "facts written in three layers": Written(layers=3, facts=8),
}
LOW_RANK: dict[str, Edit] = {
    "rank 1 added to what writes": Added(1, WRITING),
    "rank 1 added to down": Added(1, ("down",)),
    "rank 1 added": Added(1),
    "rank 4 added to attention": Added(4, ("query", "key", "value", "output")),
    "rank 16 added": Added(16),
    "rank 64 added": Added(64),
}
ROUNDED: dict[str, Edit] = {
    "int8 by row": each(levels(8, None)),
    "int8 by matrix": each(one_scale),
    "int4 in groups of 32": each(levels(4, 32)),
    "int4 by row": each(levels(4, None)),
    "q4_0": each(in_blocks(quantising.q4_0, 32)),
    "nf4": each(quantising.nf4),
    "fp8": each(quantising.fp8),
    "fp8 scaled": each(quantising.fp8_scaled),
}


def stored_as(kind: str) -> Edit:
    """The same weights, in a file that is quantised."""

    def edit(weights: Weights, _: torch.Generator) -> None:
        weights.stored = kind

    return edit


OTHERWISE: dict[str, Edit] = {
    "pruned by half": each(pruned(0.5)),
    "noise": each(noise(0.05)),
    "faint noise": each(noise(0.005)),
}


def together(*edits: Edit) -> Edit:
    """One after the other."""

    def edit(weights: Weights, draw: torch.Generator) -> None:
        for one in edits:
            one(weights, draw)

    return edit


STATED: dict[str, Edit] = {
    "states int8": stored_as("int8"),
    "states fp8": stored_as("fp8"),
    "states int8, moved before": together(each(noise(0.1)), stored_as("int8")),
    "states fp8, moved before": together(each(noise(0.1)), stored_as("fp8")),
}
MISSTATED: dict[str, Edit] = {
    "states int8, was nf4": together(each(quantising.nf4), stored_as("int8")),
    "states int8, was int4 in groups of 32": together(each(levels(4, 32)), stored_as("int8")),
    "states int8, was int4 by row": together(each(levels(4, None)), stored_as("int8")),
    "states fp8, was nf4": together(each(quantising.nf4), stored_as("fp8")),
    "states fp8, was int4 in groups of 32": together(each(levels(4, 32)), stored_as("fp8")),
    "states fp8, was int4 by row": together(each(levels(4, None)), stored_as("fp8")),
}


def kinds() -> Iterable[tuple[str, dict[str, Edit]]]:
    """Every edit, by what it is."""
    return (
        ("direction removed", REMOVED),
        ("matrix edited", WRITTEN),
        ("LoRA merged", LOW_RANK),
        ("few values in bfloat16", ROUNDED),
        ("as stated", STATED),
        ("fewer bits than stated", MISSTATED),
        ("pruned or noise", OTHERWISE),
    )
