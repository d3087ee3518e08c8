"""Signs in shapes of which of two models is the later: cut, repeated, or grown by copies."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from registry.lineage.features import ModelFeatures
from registry.lineage.layer_table import LayerTable
from registry.lineage.matrix_columns import CODES, DENSE
from registry.lineage.ordered_pair import COPIED, PairInOrder
from registry.lineage.unit_sketches import cosines_between

STRANGE = 0.3  # cosine of two layers' matrices below which neither began as a copy of the other
TWO = 2
# of singular values' ratios, their scatter: of a matrix and its copy with rows of zeros or repeats
EXACTLY = 3e-3
LOST = 0.3  # of the weights that a cut takes, the least share of their energy that goes with them
DOUBLED = 0.05  # scatter below which one of twice the size may be the other repeated, then trained


def lacks_layers(pair: PairInOrder) -> bool:
    """Return whether the model is the other without layers that are like none of its own."""
    sources = {place for place in pair.places if place is not None}
    missing = set(range(pair.other.layer_count)) - sources
    if not missing or None in pair.places or len(sources) < TWO:
        return False
    return all(layer_is_strange(pair.other, layer) for layer in missing)


def layer_is_strange(model: ModelFeatures, layer: int) -> bool:
    """Return whether a layer is like no other of the same model."""
    others = [number for number in range(model.layer_count) if number != layer]
    return all(model.layer_cosines[layer, number] < STRANGE for number in others)


def repeats_layers(pair: PairInOrder) -> bool:
    """Return whether layers of the model began as copies of one layer of the other."""
    if pair.model.layer_count <= pair.other.layer_count:
        return False
    by_source: dict[int, list[int]] = {}
    for layer, place in enumerate(pair.places):
        if place is not None:
            by_source.setdefault(place, []).append(layer)

    for layers in by_source.values():
        for first, second in pairwise(layers):
            if pair.model.layer_cosines[first, second] > COPIED:
                return True
    return False


def repeats_experts(pair: PairInOrder) -> bool:
    """Return whether the model's experts began as one, and the other has none."""
    if pair.other.table.has_experts or not pair.model.table.has_experts:
        return False
    first = pair.model.table.in_every_layer("up", 0)
    second = pair.model.table.in_every_layer("up", 1)
    both = (first >= 0) & (second >= 0)
    cosines = cosines_between(pair.model.matrices, first[both], second[both])
    return len(cosines) > 0 and float(cosines.mean()) > COPIED


class OtherShapes(NamedTuple):
    """Matrices beside their counterparts of another shape, compared by what cuts and copies leave.

    Attributes:
        sizes: Values of the model's, of the other's.
        energies: Sums of the squared values, alike.
        scatters: Of the ratios of their singular values, as shares of the mean.
    """

    sizes: np.ndarray
    energies: np.ndarray
    scatters: np.ndarray


def other_shapes(pair: PairInOrder) -> OtherShapes:
    """Return the model's matrices whose counterparts have more rows or columns, none fewer."""
    ours, theirs = pair.cut
    model, other = pair.model.matrices, pair.other.matrices
    largest = other.singular_values[theirs]
    ratios = model.singular_values[ours] / np.where(largest > 0, largest, 1.0)
    ratios[np.isnan(largest)] = np.nan
    means = np.nanmean(ratios, axis=1)
    scatters = np.nanstd(ratios, axis=1) / np.abs(np.where(means != 0, means, 1.0))
    later = model.rows[ours] * model.cols[ours]
    earlier = other.rows[theirs] * other.cols[theirs]
    energies = other.energies[theirs]
    return OtherShapes(
        sizes=later / earlier,
        energies=model.energies[ours] / np.where(energies > 0, energies, 1.0),
        scatters=scatters,
    )


def is_smaller(pair: PairInOrder) -> bool:
    """Return whether the other has all of the model's neurons, heads and width, and of one more."""
    return len(pair.cut.ours) > 0 and not len(pair.reversed.cut.ours)


def was_cut(pair: PairInOrder) -> bool:
    """Return whether the model is a part of the other: neurons, heads or channels of it.

    What was cut had energy of its own; rows of zeros have none, and repeated ones leave the
    ratios of the singular values all alike.
    """
    if not is_smaller(pair):
        return False
    shapes = other_shapes(pair)
    lost = float((1 - shapes.energies).mean())
    size = float((1 - shapes.sizes).mean())
    scatter = float(np.median(shapes.scatters))
    may_be_doubled = all(map(is_whole, 1 / shapes.sizes)) and scatter < DOUBLED
    return scatter > EXACTLY and lost > LOST * size and not may_be_doubled


def is_whole(number: float) -> bool:
    """Return whether a number is whole, but for rounding."""
    return abs(number - round(number)) < EXACTLY


def was_grown(pair: PairInOrder) -> bool:
    """Return whether the model is the other with rows or columns of zeros, or repeated."""
    seen = pair.reversed
    if not is_smaller(seen):
        return False
    return float(np.quantile(other_shapes(seen).scatters, 0.9)) < EXACTLY


def has_fewer_experts(pair: PairInOrder) -> bool:
    """Return whether the model has fewer experts, and those of the other began each on its own."""
    if not pair.other.table.has_experts:
        return False
    fewer = False
    for layer, place in enumerate(pair.places):
        if place is None or place >= pair.other.layer_count:
            continue
        mine = len(pair.model.table.experts[layer])
        theirs = len(pair.other.table.experts[place])
        if theirs < max(TWO, mine):
            return False
        fewer |= theirs > mine
    return fewer and not experts_alike(pair.other)


def experts_alike(model: ModelFeatures) -> bool:
    """Return whether the experts of a model's layers are near one another."""
    return likest_experts(model.table) > STRANGE


def likest_experts(table: LayerTable) -> float:
    """Return the largest cosine of two experts, one after the other in a layer; 0 of fewer."""
    matrices = table.matrices
    is_up = matrices.projections == CODES["up"]
    places = np.flatnonzero(is_up & (matrices.experts != DENSE))
    places = places[np.argsort(table.layers[places], kind="stable")]
    ones, others = places[:-1], places[1:]
    together = table.layers[ones] == table.layers[others]
    cosines = cosines_between(matrices, ones[together], others[together])
    return float(cosines.max(initial=0.0))
