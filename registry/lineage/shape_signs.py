"""Signs in shapes of which of two models is the later: cut, repeated, or grown by copies."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from registry.lineage.expert_matching import DENSE, Layer, expert_numbers
from registry.lineage.features import ComparedMatrix, ModelFeatures
from registry.lineage.ordered_pair import COPIED, PairInOrder, layer_cosine, matrix_cosine
from registry.lineage.weight_views import energy_of

STRANGE = 0.3  # cosine of two layers' matrices below which neither began as a copy of the other
TWO = 2
# of singular values' ratios, their scatter: of a matrix and its copy with rows of zeros or repeats
EXACTLY = 3e-3
LOST = 0.3  # of the weights that a cut takes, the least share of their energy that goes with them
DOUBLED = 0.05  # scatter below which one of twice the size may be the other repeated, then trained


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


class OtherShape(NamedTuple):
    """A matrix beside its counterpart of another shape.

    Attributes:
        size: Values of the model's, of the other's.
        energy: Sum of the squared values, alike.
        scatter: Of the ratios of their singular values, as a share of the mean.
    """

    size: float
    energy: float
    scatter: float


def other_shapes(pair: PairInOrder) -> Iterator[OtherShape]:
    """Yield the model's matrices whose counterparts have more rows or columns, none fewer."""
    for matrix, counterpart in pair.cut:
        yield other_shape(matrix, counterpart)


def other_shape(matrix: ComparedMatrix, other: ComparedMatrix) -> OtherShape:
    """Compare two matrices of different shapes by what a cut takes and copies leave."""
    count = min(len(matrix.singular_values), len(other.singular_values))
    largest = np.array(other.singular_values[:count])
    ratios = np.array(matrix.singular_values[:count]) / np.where(largest > 0, largest, 1.0)
    mean = float(ratios.mean()) or 1.0
    return OtherShape(
        size=matrix.rows * matrix.cols / (other.rows * other.cols),
        energy=energy_of(matrix) / (energy_of(other) or 1.0),
        scatter=float(ratios.std()) / abs(mean),
    )


def is_smaller(pair: PairInOrder) -> bool:
    """Return whether the other has all of the model's neurons, heads and width, and of one more."""
    if any(True for _ in other_shapes(pair.reversed)):
        return False
    return any(True for _ in other_shapes(pair))


def was_cut(pair: PairInOrder) -> bool:
    """Return whether the model is a part of the other: neurons, heads or channels of it.

    What was cut had energy of its own; rows of zeros have none, and repeated ones leave the
    ratios of the singular values all alike.
    """
    if not is_smaller(pair):
        return False
    every = list(other_shapes(pair))
    lost = float(np.mean([1 - shape.energy for shape in every]))
    size = float(np.mean([1 - shape.size for shape in every]))
    scatter = float(np.median([shape.scatter for shape in every]))
    may_be_doubled = all(is_whole(1 / shape.size) for shape in every) and scatter < DOUBLED
    return scatter > EXACTLY and lost > LOST * size and not may_be_doubled


def is_whole(number: float) -> bool:
    """Return whether a number is whole, but for rounding."""
    return abs(number - round(number)) < EXACTLY


def was_grown(pair: PairInOrder) -> bool:
    """Return whether the model is the other with rows or columns of zeros, or repeated."""
    seen = pair.reversed
    if not is_smaller(seen):
        return False
    scatter = [shape.scatter for shape in other_shapes(seen)]
    return float(np.quantile(scatter, 0.9)) < EXACTLY


def has_fewer_experts(pair: PairInOrder) -> bool:
    """Return whether the model has fewer experts, and those of the other began each on its own."""
    fewer = False
    for layer, place in enumerate(pair.places):
        if place is None or place >= len(pair.other.layers):
            continue
        mine = len(expert_numbers(pair.model.layers[layer]))
        theirs = len(expert_numbers(pair.other.layers[place]))
        if theirs < max(TWO, mine):
            return False
        fewer |= theirs > mine
    return fewer and not experts_alike(pair.other)


def experts_alike(model: ModelFeatures) -> bool:
    """Return whether the experts of a model's layers are near one another."""
    return max(map(likest_experts, model.layers), default=1.0) > STRANGE


def likest_experts(layer: Layer) -> float:
    """Return the largest cosine of two experts of a layer; 0 of fewer."""
    every = [layer[spot] for spot in layer if spot[0] == "up" and spot[1] != DENSE]
    cosines = [matrix_cosine(one, other) for one, other in pairwise(every)]
    return max(cosines, default=0.0)
