"""Which expert of a layer comes from which of the earlier model's, whatever their numbers."""

import numpy as np

from registry.architectures.roles import PROJECTIONS
from registry.lineage.layer_table import Layer
from registry.lineage.matrix_columns import DENSE
from registry.lineage.unit_sketches import unit_rows
from registry.numerics.assignment import best_assignment

SAME_NUMBER = 0.2  # by how much another expert must be more alike than that of one's number


def expert_sources(later: Layer, earlier: Layer) -> dict[int, int]:
    """Return the source of every expert that has one, by their numbers in the two layers.

    Where the earlier layer has no experts, its one MLP is the source of all; where the later has
    none, its MLP comes from the first.
    """
    ours, theirs = later.experts, earlier.experts
    if not ours and not theirs:
        return {}
    if not theirs:
        return dict.fromkeys(ours, DENSE)
    if not ours:
        return {DENSE: theirs[0]}

    cosines = expert_cosines(later, earlier)
    for row, number in enumerate(ours):
        if number in theirs:
            cosines[row, theirs.index(number)] += SAME_NUMBER
    rows, columns = best_assignment(cosines)
    return {ours[row]: theirs[column] for row, column in zip(rows, columns, strict=True)}


def expert_cosines(later: Layer, earlier: Layer) -> np.ndarray:
    """Return the mean cosine of the experts' matrices: experts of one x experts of the other."""
    total = np.zeros((len(later.experts), len(earlier.experts)))
    count = 0
    for projection in PROJECTIONS:
        one = stacked_sketches(later, projection)
        other = stacked_sketches(earlier, projection)
        if one is not None and other is not None and one.shape[1] == other.shape[1]:
            total += np.einsum("ik,jk->ij", one, other)  # small: BLAS would wait for threads
            count += 1
    return total / max(1, count)


def stacked_sketches(layer: Layer, projection: str) -> np.ndarray | None:
    """Return the sketches of one projection, of length 1, a row for each expert; None without."""
    matrices = layer.table.matrices
    places = layer.find(projection, np.array(layer.experts))
    for size in matrices.stack_rows:
        present, sketches = matrices.sketches_at(places, size)
        if present.all():
            return unit_rows(sketches)
    return None
