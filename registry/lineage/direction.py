"""Which of two related models came first, where their weights show it.

What shows it cannot happen the other way round, or only with a size of change that is not seen.
Without such a sign nothing is said: norms and tails grow in some training and shrink in other
(docs/method.md, Direction).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.stats import norm

from registry.lineage.descent import Descent, DirectionReason, DirectionShown
from registry.lineage.features import ComparedMatrix, ModelFeatures
from registry.lineage.weight_views import PART_OF, Places, SideBySide, energy_of, sketch_of

ZEROS = 0.08  # share of weights that are zero in one model alone
FITTING = (0.5, 1.3)  # what zeroing takes, of what it takes of a normal law's smallest values
COARSE = 0.75  # of the other's variety of values, below which values stand on a grid
# (|model|^2 - |other|^2) / |model - other|^2 of a rounded model; of one that was rounded first and
# trained later it is -1 or less
ROUNDED = -0.6
FINE = 1e-3  # |model - other|^2 / |model|^2 of a rounding so fine that no training is as slight
STRANGE = 0.3  # cosine of two layers' matrices below which neither began as a copy of the other
COPIED = 0.6  # the same, above which one did
TWO = 2


@dataclass(frozen=True)
class Sign:
    """A sign of direction between two models: the reason, and which of them is the later."""

    reason: DirectionReason
    model_is_later: bool


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

    @property
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
        later = [getattr(matrix, field) for matrix, _ in self.matched]
        earlier = [getattr(matrix, field) for _, matrix in self.matched]
        if None in later or None in earlier or not later:
            return 0.0, 0.0
        return float(np.mean(later)), float(np.mean(earlier))


def signs_of(pair: PairInOrder) -> Iterator[Sign]:
    """Yield every sign of which of two related models is the later."""
    for seen, model_is_later in ((pair, True), (pair.reversed, False)):
        for shows, reason in ONE_WAY:
            if shows(seen):
                yield Sign(reason, model_is_later)


def on_a_grid(pair: PairInOrder) -> bool:
    """Return whether the model's values stand on a grid that the other lacks, and were rounded."""
    mine, theirs = pair.shares("distinct_share")
    zeros, others = pair.shares("zero_share")
    nonzero = 1 - max(0.0, zeros - others)
    if not mine or mine > COARSE * theirs * nonzero or not pair.apart:
        return False
    later, earlier = pair.energies
    return (later - earlier) / pair.apart > ROUNDED or pair.apart < FINE * later


def zeroed(pair: PairInOrder) -> bool:
    """Return whether the smallest weights of the other are zero in the model.

    They take the energy of a normal law's smallest values; a model trained from one with zeros is
    apart from it by another amount.
    """
    zeros, others = pair.shares("zero_share")
    share = zeros - others
    mine, theirs = pair.shares("distinct_share")
    is_quantised = mine < COARSE * theirs * (1 - zeros)
    if share < ZEROS or is_quantised:
        return False
    _, earlier = pair.energies
    expected = smallest(zeros) - smallest(others)
    low, high = FITTING
    return low < pair.apart / earlier / expected < high


def smallest(share: float) -> float:
    """Return the part of a normal law's energy in this share of its smallest values."""
    bound = float(norm.ppf((1 + min(share, 0.999)) / 2))
    return share - 2 * bound * float(norm.pdf(bound))


def lacks_layers(pair: PairInOrder) -> bool:
    """Return whether the model is the other without layers that are like none of its own."""
    sources = {place for place in pair.places if place is not None}
    missing = set(range(len(pair.other.layers))) - sources
    if not missing or None in pair.places or len(sources) < TWO:
        return False
    return all(layer_is_strange(pair.other, layer) for layer in missing)


def layer_is_strange(model: ModelFeatures, layer: int) -> bool:
    """Return whether a layer is like no other of the same model."""
    others = [number for number in range(len(model.layers)) if number != layer]
    return all(layer_cosine(model, layer, number) < STRANGE for number in others)


def repeats_layers(pair: PairInOrder) -> bool:
    """Return whether layers of the model began as copies of one layer of the other."""
    if len(pair.model.layers) <= len(pair.other.layers):
        return False
    by_source: dict[int, list[int]] = {}
    for layer, place in enumerate(pair.places):
        if place is not None:
            by_source.setdefault(place, []).append(layer)

    for layers in by_source.values():
        for first, second in pairwise(layers):
            if layer_cosine(pair.model, first, second) > COPIED:
                return True
    return False


def repeats_experts(pair: PairInOrder) -> bool:
    """Return whether the model's experts began as one, and the other has none."""
    if any(matrix.expert is not None for matrix in pair.other.model.matrices):
        return False
    cosines = []
    for layer in pair.model.layers:
        first = layer.get(("up", 0, 0))
        second = layer.get(("up", 1, 0))
        if first and second:
            cosines.append(matrix_cosine(first, second))
    return bool(cosines) and float(np.mean(cosines)) > COPIED


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


ONE_WAY = (
    (on_a_grid, DirectionReason.GRID),
    (zeroed, DirectionReason.ZEROS),
    (lacks_layers, DirectionReason.FEWER_LAYERS),
    (repeats_layers, DirectionReason.REPEATED_LAYERS),
    (repeats_experts, DirectionReason.REPEATED_EXPERTS),
)


def direction_of(pair: PairInOrder) -> DirectionShown:
    """Return which of two related models is the later, where signs show it and agree."""
    signs = list(signs_of(pair))
    later = {sign.model_is_later for sign in signs}
    if len(later) != 1:
        return DirectionShown(Descent.UNDECIDED)
    return DirectionShown(Descent.CHILD if later.pop() else Descent.PARENT, signs[0].reason)
