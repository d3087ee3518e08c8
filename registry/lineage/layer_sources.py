"""Which layer of the earlier model each layer of the later one comes from."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from registry.lineage.features import KINDS, ModelFeatures
from registry.lineage.layer_alignment import Alignment
from registry.lineage.matrix_columns import NOWHERE

DEVIATION = 0.06  # of the similarity of two unrelated layers, of one kind
MARGIN = 0.05  # above the largest similarity that so many unrelated layers have by chance
FAINT = 0.25  # of what related layers have above the others: below, a layer has no source
JUMP = 0.1  # what leaving the order of the layers must gain in similarity
RESOLVED = 1e-9  # of a similarity, below which two are equal
UPPER = 75  # percentile of the layers' best similarities that stands for related ones

Places = Sequence[int | None]
"""For every layer of a model the layer of another that it comes from, None for none."""


def similarities(
    a: ModelFeatures, b: ModelFeatures, alignments: Mapping[str, Alignment]
) -> np.ndarray:
    """Return how alike the layers are: layers of a x layers of b, at most 1.

    Of every kind of sketch the cosines, and the mean cosine of the matrices that serve every token
    and have one shape; less what most pairs of layers have in common. The largest of the kinds
    counts.
    """
    shape = a.layer_count, b.layer_count
    aligned = [alignments[kind].cosines for kind in KINDS if kind in alignments]
    tables = [matrix_cosines(a, b)]
    tables += [cosines for cosines in aligned if cosines.shape == shape]

    centred = [table - max(0.0, float(np.median(table))) for table in tables]
    largest: np.ndarray = np.max(centred, axis=0)
    return largest


def matrix_cosines(a: ModelFeatures, b: ModelFeatures) -> np.ndarray:
    """Return the mean cosine of all matrices of one spot and shape: layers of a x layers of b."""
    total = np.zeros((a.layer_count, b.layer_count))
    count = np.zeros_like(total)
    later, earlier = a.unit_sketches, b.unit_sketches
    for shape in sorted(later.keys() & earlier.keys()):
        rows, one = later[shape]
        columns, other = earlier[shape]
        if len(rows) == len(total) and len(columns) == total.shape[1]:
            total += one @ other.T
            count += 1
            continue
        total[np.ix_(rows, columns)] += one @ other.T
        count[np.ix_(rows, columns)] += 1
    return total / np.maximum(count, 1)


def sources(table: np.ndarray) -> tuple[int | None, ...]:
    """Return the source of every layer, None where it has none; of equal ones that in order.

    Where nothing stands out, layers come from those of their numbers.

    Args:
        table: `similarities`.
    """
    best = table.max(1)
    related = float(np.percentile(best, UPPER))
    by_chance = unrelated_similarity(table.shape[1])
    if related <= by_chance:
        return in_order(*table.shape)
    least = max(by_chance, FAINT * related)
    return with_faint(likeliest(table - least), table, least / 2)


def with_faint(
    places: tuple[int | None, ...], table: np.ndarray, least: float
) -> tuple[int | None, ...]:
    """Give a layer without a source the one that is next in order, where none is more like it.

    Args:
        least: The similarity from which a layer so placed comes from it.
    """
    filled = list(places)
    for layer, source in enumerate(places):
        following = following_source(filled[:layer])
        free = following < table.shape[1] and following not in places
        if source is not None or not free:
            continue
        stands_out = table[layer].argmax() == following
        if stands_out and table[layer, following] > least:
            filled[layer] = following
    return tuple(filled)


def following_source(places: Sequence[int | None]) -> int:
    """Return the layer after the source of the last layer that has one; 0 without any."""
    for source in reversed(places):
        if source is not None:
            return source + 1
    return 0


def unrelated_similarity(layers: int) -> float:
    """Return what the most alike of so many unrelated layers stays below, of several kinds."""
    trials = layers * (len(KINDS) + 1)
    return MARGIN + DEVIATION * math.sqrt(2 * math.log(trials))


def in_order(layers: int, earlier: int) -> tuple[int | None, ...]:
    """Return for each layer that of its number; None beyond the last."""
    return tuple(layer if layer < earlier else None for layer in range(layers))


def likeliest(gains: np.ndarray) -> tuple[int | None, ...]:
    """Return the sources with the largest sum of gains, where each break of the order costs JUMP.

    A layer without a source gains nothing. Dynamic programming over the source that came last.
    """
    layers, earlier = gains.shape
    gains = np.rint(gains / RESOLVED)  # sums of whole numbers are exact: equal ones stay equal
    jump = JUMP / RESOLVED
    totals = np.full(earlier + 1, -np.inf)  # by the last source; the first: none yet
    totals[0] = 0.0
    chosen = np.zeros((layers, earlier + 1), bool)  # whether the layer takes this source
    before = np.zeros((layers, earlier + 1), int)  # and which came last before
    for layer in range(layers):
        jumped = int(totals.argmax())
        following = totals[:-1]
        in_sequence = following >= totals[jumped] - jump
        reached = np.where(in_sequence, following, totals[jumped] - jump) + gains[layer]
        takes = reached > totals[1:]

        chosen[layer, 1:] = takes
        before[layer] = np.arange(earlier + 1)
        before[layer, 1:][takes] = np.where(in_sequence, np.arange(earlier), jumped)[takes]
        totals[1:] = np.where(takes, reached, totals[1:])

    places: list[int | None] = [None] * layers
    state = int(totals.argmax())
    for layer in reversed(range(layers)):
        if chosen[layer, state]:
            places[layer] = state - 1
        state = int(before[layer, state])
    return tuple(places)


def source_layers(places: Places, layers: int, earlier: int) -> np.ndarray:
    """Return for each of so many layers its source; NOWHERE without one among the earlier's."""
    sources = np.full(layers, NOWHERE)
    for layer, source in enumerate(places[:layers]):
        if source is not None and source < earlier:
            sources[layer] = source
    return sources
