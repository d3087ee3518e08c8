"""One model beside others as vectors whose squared differences are shares of its weights' energy.

Several views of the same weights: their own sketches, and what is left of them in other axes.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from registry.lineage.features import ComparedMatrix, ModelFeatures

Places = Sequence[int | None]
"""For every layer of a model the layer of another that it comes from, None for none."""


class View(StrEnum):
    """What of the weights is looked at; the later ones are blind to more changes of axes."""

    MATRICES = "matrices"  # linear sketches
    STREAM = "stream"  # branches, in the axes of the residual stream
    TOKEN = "token"  # noqa: S105  # branches, in those of the tokens
    SPECTRA = "spectra"


class Part(StrEnum):
    """Weights whose axes change together."""

    SCORES = "scores"  # queries and keys
    ATTENTION = "attention"  # values and outputs
    MLP = "mlp"
    OTHER = "other"  # tensors outside the projections


OUTSIDE = -1  # the layer of tensors that stand in none
VIEWS = {
    Part.SCORES: (View.MATRICES,),
    Part.ATTENTION: (View.MATRICES, View.STREAM, View.TOKEN, View.SPECTRA),
    Part.MLP: (View.MATRICES, View.STREAM, View.TOKEN, View.SPECTRA),
    Part.OTHER: (View.MATRICES,),
}
PART_OF = {
    "query": Part.SCORES,
    "key": Part.SCORES,
    "value": Part.ATTENTION,
    "output": Part.ATTENTION,
    "gate": Part.MLP,
    "up": Part.MLP,
    "down": Part.MLP,
}


class Block(NamedTuple):
    """Numbers that belong together: rows x columns of one sketch, or 1 x n.

    Attributes:
        layer: Of the model in question; OUTSIDE for what stands in none.
        later: Of the model in question; their squared length is near `energy`.
        earlier: Of the other, alike; zeros where it has no counterpart.
        energy: Sum of the squared weights that the block stands for.
    """

    layer: int
    later: np.ndarray
    earlier: np.ndarray
    energy: float


@dataclass(frozen=True)
class Residual:
    """What one model leaves of another in one view of one part.

    Attributes:
        numbers: later - earlier, block after block.
        rows, columns: For each number, which row and column of all blocks' it stands in.
        blocks: For each number, which block it is of.
        layers: For each number, which layer of the model; OUTSIDE for none.
        energy: Of all weights of the part.
    """

    numbers: np.ndarray
    blocks: np.ndarray
    layers: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    energy: float

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> "Residual":
        """Return the residual of blocks, none of which leaves more than its energy."""
        numbers = [np.zeros(0), *(left_over(block).ravel() for block in blocks)]
        places = tuple((block.layer, *block.later.shape) for block in blocks)
        layout = layout_of(places)
        return cls(
            numbers=np.concatenate(numbers),
            blocks=layout.blocks,
            layers=layout.layers,
            rows=layout.rows,
            columns=layout.columns,
            energy=sum(block.energy for block in blocks),
        )

    @cached_property
    def square(self) -> float:
        """What is left, as a sum of squares of weights."""
        return float(self.numbers @ self.numbers)


class Layout(NamedTuple):
    """Where every number of blocks that follow one another stands, as of Residual."""

    blocks: np.ndarray
    layers: np.ndarray
    rows: np.ndarray
    columns: np.ndarray


@lru_cache(16)
def layout_of(places: tuple[tuple[int, int, int], ...]) -> Layout:
    """Return the layout of blocks of a layer, rows and columns each; one model's is used often."""
    parts = [np.zeros((4, 0), int)]
    row_count = column_count = 0
    for number, (layer, height, width) in enumerate(places):
        row, column = np.divmod(np.arange(height * width), width)
        same = np.ones(height * width, int)
        parts.append(
            np.stack([number * same, layer * same, row_count + row, column_count + column])
        )
        row_count += height
        column_count += width
    return Layout(*np.concatenate(parts, axis=1))


def left_over(block: Block) -> np.ndarray:
    """Return later - earlier; all of the energy where that is longer than later itself."""
    difference: np.ndarray = block.later - block.earlier
    left = float(np.vdot(difference, difference))
    whole = float(np.vdot(block.later, block.later))
    if left <= min(whole, block.energy) or not whole:
        return difference
    everything: np.ndarray = block.later * (block.energy / whole) ** 0.5
    return everything


@dataclass(frozen=True)
class SideBySide:
    """A model in question beside another whose layers are known to be its own.

    Attributes:
        later: The model in question.
        earlier: The other.
        places: For every layer of `later` the layer of `earlier`.
    """

    later: ModelFeatures
    earlier: ModelFeatures
    places: Places

    def residual(self, part: Part, view: View) -> Residual:
        """Return what is left of a part in a view; all of it without a counterpart."""
        if part == Part.OTHER:
            return Residual.of(list(self._tensors()))
        if view == View.MATRICES:
            return Residual.of(list(self._matrices(part)))
        if view == View.SPECTRA:
            return Residual.of(list(self._spectra(part)))
        return Residual.of(list(self._branches(part, view)))

    def counterparts(
        self, part: Part
    ) -> Iterator[tuple[int, ComparedMatrix, ComparedMatrix | None]]:
        """Yield layer and matrix of a part, and the other's matrix of the same shape, if any."""
        for number, layer in enumerate(self.later.layers):
            source = self.source(number)
            for spot, matrix in layer.items():
                if PART_OF[matrix.projection] == part:
                    other = source.get(spot)
                    counterpart = other if same_shape(matrix, other) else None
                    yield number, matrix, counterpart

    def source(self, number: int) -> dict[tuple[str, int, int], ComparedMatrix]:
        """Return the matrices of the layer that a layer comes from; none without one."""
        place = self.places[number] if number < len(self.places) else None
        if place is None or place >= len(self.earlier.layers):
            return {}
        return self.earlier.layers[place]

    def _matrices(self, part: Part) -> Iterator[Block]:
        for number, matrix, other in self.counterparts(part):
            later = sketch_of(matrix)
            earlier = np.zeros_like(later)
            if other is not None and other.bf16_digest == matrix.bf16_digest:
                earlier = later
            elif other is not None and other.sketch is not None and matrix.sketch is not None:
                earlier = sketch_of(other)
            yield Block(number, later, earlier, energy_of(matrix))

    def _spectra(self, part: Part) -> Iterator[Block]:
        """Yield singular values on the scale of weights.

        A change of norm e, random in direction, moves each singular value by e / sqrt(rows x
        columns).
        """
        for number, matrix, other in self.counterparts(part):
            count = len(matrix.singular_values)
            scale = (matrix.rows * matrix.cols / max(count, 1)) ** 0.5
            later = np.reshape(matrix.singular_values, (1, count)) * scale
            earlier = np.zeros_like(later)
            if other is not None and len(other.singular_values) == count:
                earlier = np.reshape(other.singular_values, (1, count)) * scale
            yield Block(number, later, earlier, energy_of(matrix))

    def _branches(self, part: Part, view: View) -> Iterator[Block]:
        """Yield the sketches of branches: products of two matrices, so that squares count half."""
        energies: dict[int, float] = defaultdict(float)
        for number, matrix, _ in self.counterparts(part):
            energies[number] += energy_of(matrix)

        mine = self.later.sketches.tables[str(view), str(part)]
        theirs = self.earlier.sketches.tables[str(view), str(part)]
        for number, energy in energies.items():
            place = self.places[number] if number < len(self.places) else None
            rows = row_of(mine, number), row_of(theirs, place)
            yield branch_block(number, *rows, energy)

    def _tensors(self) -> Iterator[Block]:
        others = {}
        for tensor in self.earlier.model.tensors:
            others[placed_name(tensor.name, tensor.layer), tensor.layer, tensor.shape] = tensor

        for tensor in self.later.model.tensors:
            place = tensor.layer
            layer = OUTSIDE if place is None else place
            if place is not None:
                place = self.places[place] if place < len(self.places) else None
            later = np.reshape(tensor.sketch, (1, len(tensor.sketch)))
            earlier = np.zeros_like(later)
            other = others.get((placed_name(tensor.name, tensor.layer), place, tensor.shape))
            if other is not None:
                same = other.bf16_digest == tensor.bf16_digest
                earlier = later if same else np.reshape(other.sketch, later.shape)
            yield Block(layer, later, earlier, tensor.length**2)


def same_shape(matrix: ComparedMatrix, other: ComparedMatrix | None) -> bool:
    """Return whether there is another matrix, and it has the same rows and columns."""
    if other is None:
        return False
    return (matrix.rows, matrix.cols) == (other.rows, other.cols)


def energy_of(matrix: ComparedMatrix) -> float:
    """Return the sum of a matrix's squared values; projections have no mean to speak of."""
    return matrix.std**2 * matrix.rows * matrix.cols


def sketch_of(matrix: ComparedMatrix) -> np.ndarray:
    """Return a matrix's square sketch; its length alone where none was recorded."""
    if matrix.sketch is None:
        return np.full((1, 1), energy_of(matrix) ** 0.5)
    return matrix.square


def placed_name(name: str, layer: int | None) -> str:
    """Return a tensor's name without the number of its layer."""
    if layer is None:
        return name
    return name.replace(f".{layer}.", ".*.", 1)


def row_of(table: np.ndarray, layer: int | None) -> np.ndarray:
    """Return a layer's sketch as 1 x n numbers, zeros where there is none."""
    if layer is None or layer >= len(table):
        return np.zeros((1, table.shape[1]))
    return table[layer : layer + 1]


def branch_block(layer: int, mine: np.ndarray, theirs: np.ndarray, energy: float) -> Block:
    """Return the block of two unit sketches of a product of two matrices.

    Its relative change is that of both matrices together: squares count half.
    """
    if not mine.any():
        later = np.full((1, 1), energy**0.5)
        return Block(layer, later, np.zeros_like(later), energy)

    scale = (energy / 2) ** 0.5
    if theirs.shape != mine.shape:
        theirs = np.zeros_like(mine)
    return Block(layer, scale * mine, scale * theirs, energy)
