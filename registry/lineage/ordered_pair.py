"""Two related models with the layers that correspond, seen from one of them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from registry.lineage.features import ComparedMatrix, ModelFeatures
from registry.lineage.weight_views import PART_OF, Places, SideBySide, energy_of, sketch_of

COPIED = 0.6  # cosine of two layers' matrices above which one began as a copy of the other


@dataclass(frozen=True)
class PairInOrder:
    """Two related models, seen from one of them.

    Attributes:
        model: The one in question.
        other: The one that it may come from.
        places: For every layer of `model` the layer of `other`.
    """

    model: ModelFeatures
    other: ModelFeatures
    places: Places

    @cached_property
    def reversed(self) -> "PairInOrder":
        """The same pair seen from the other.

        Of several layers with one source the first counts; a layer that is none's source, but like
        one that is, comes from the same.
        """
        places: list[int | None] = [None] * len(self.other.layers)
        for layer, place in enumerate(self.places):
            if place is not None and place < len(places) and places[place] is None:
                places[place] = layer

        known = [layer for layer, place in enumerate(places) if place is not None]
        for layer in set(range(len(places))) - set(known):
            copies = [one for one in known if layer_cosine(self.other, layer, one) > COPIED]
            if copies:
                places[layer] = places[copies[0]]
        return PairInOrder(self.other, self.model, tuple(places))

    @cached_property
    def cut(self) -> list[tuple[ComparedMatrix, ComparedMatrix]]:
        """The model's matrices whose counterparts have more rows or columns, none fewer."""
        cut = []
        for layer, place in enumerate(self.places):
            if place is None or place >= len(self.other.layers):
                continue
            counterparts = self.other.layers[place]
            for spot, matrix in self.model.layers[layer].items():
                counterpart = counterparts.get(spot)
                if counterpart is not None and is_within(matrix, counterpart):
                    cut.append((matrix, counterpart))
        return cut

    @cached_property
    def matched(self) -> list[tuple[ComparedMatrix, ComparedMatrix]]:
        """Matrices of both that correspond."""
        pair = SideBySide(self.model, self.other, self.places)
        matched = []
        for part in dict.fromkeys(PART_OF.values()):
            for _, matrix, counterpart in pair.counterparts(part):
                if counterpart is not None:
                    matched.append((matrix, counterpart))
        return matched

    @cached_property
    def energies(self) -> tuple[float, float]:
        """Sums of squares of the matched matrices, of the model and the other."""
        later = sum(energy_of(matrix) for matrix, _ in self.matched)
        earlier = sum(energy_of(matrix) for _, matrix in self.matched)
        return later, earlier

    @property
    def equal(self) -> bool:
        """Whether the matched matrices are all equal once cast to bf16."""
        return all(matrix.bf16_digest == other.bf16_digest for matrix, other in self.matched)

    @cached_property
    def means(self) -> dict[str, tuple[float, float]]:
        """What `shares` has answered before, by field."""
        return {}

    @cached_property
    def apart(self) -> float:
        """The squared distance of the matched matrices."""
        squares = 0.0
        for matrix, counterpart in self.matched:
            one, other = sketch_of(matrix), sketch_of(counterpart)
            if matrix.bf16_digest != counterpart.bf16_digest and one.shape == other.shape:
                squares += float(np.sum((one - other) ** 2))
        return squares

    def shares(self, field: str) -> tuple[float, float]:
        """Return the mean of a field of the matched matrices that is known, of both models."""
        if field not in self.means:
            later = [getattr(matrix, field) for matrix, _ in self.matched]
            earlier = [getattr(matrix, field) for _, matrix in self.matched]
            if None in later or None in earlier or not later:
                self.means[field] = (0.0, 0.0)
            else:
                self.means[field] = (float(np.mean(later)), float(np.mean(earlier)))
        return self.means[field]


def is_within(matrix: ComparedMatrix, other: ComparedMatrix) -> bool:
    """Return whether a matrix has fewer rows or columns than another, and no more of either."""
    if matrix.rows == other.rows and matrix.cols == other.cols:
        return False
    return matrix.rows <= other.rows and matrix.cols <= other.cols


def layer_cosine(model: ModelFeatures, one: int, other: int) -> float:
    """Return the mean cosine of two layers' matrices, from sketches."""
    cosines = []
    for spot, matrix in model.layers[one].items():
        counterpart = model.layers[other].get(spot)
        if counterpart is not None:
            cosines.append(matrix_cosine(matrix, counterpart))
    return float(np.mean(cosines)) if cosines else 0.0


def matrix_cosine(one: ComparedMatrix, other: ComparedMatrix) -> float:
    """Return the cosine of two matrices' sketches; 0 of different shapes."""
    if (one.rows, one.cols) != (other.rows, other.cols):
        return 0.0
    first, second = sketch_of(one), sketch_of(other)
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    if first.shape != second.shape or not lengths:
        return 0.0
    return float(np.vdot(first, second)) / lengths
