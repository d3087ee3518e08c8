"""Which expert of a layer comes from which of the earlier model's, whatever their numbers."""

from collections.abc import Mapping, Sequence

import numpy as np

from registry.lineage.features import ComparedMatrix, Spot
from registry.numerics.assignment import best_assignment

SAME_NUMBER = 0.2  # by how much another expert must be more alike than that of one's number
DENSE = -1  # instead of an expert's number, of a matrix that serves every token

Layer = Mapping[Spot, ComparedMatrix]


def expert_sources(later: Layer, earlier: Layer) -> dict[int, int]:
    """Return the source of every expert that has one, by their numbers in the two layers.

    Where the earlier layer has no experts, its one MLP is the source of all; where the later has
    none, its MLP comes from the first.
    """
    ours, theirs = expert_numbers(later), expert_numbers(earlier)
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


def expert_numbers(layer: Layer) -> list[int]:
    """Return the numbers of a layer's experts, rising; the layer's MLP is none."""
    return sorted({expert for _, expert, _ in layer if expert != DENSE})


def expert_cosines(later: Layer, earlier: Layer) -> np.ndarray:
    """Return the mean cosine of the experts' matrices: experts of one x experts of the other."""
    ours, theirs = expert_numbers(later), expert_numbers(earlier)
    total = np.zeros((len(ours), len(theirs)))
    count = 0
    for projection in sorted({projection for projection, expert, _ in later if expert != DENSE}):
        one = stacked_sketches(later, projection, ours)
        other = stacked_sketches(earlier, projection, theirs)
        if one is not None and other is not None and one.shape[1] == other.shape[1]:
            total += np.einsum("ik,jk->ij", one, other)  # small: BLAS would wait for threads
            count += 1
    return total / max(1, count)


def stacked_sketches(layer: Layer, projection: str, experts: Sequence[int]) -> np.ndarray | None:
    """Return the sketches of one projection, of length 1, a row for each expert; None without."""
    rows = []
    for expert in experts:
        matrix = layer.get((projection, expert, 0))
        if matrix is None or matrix.sketch is None:
            return None
        rows.append(np.asarray(matrix.sketch, float))
    if len({len(row) for row in rows}) != 1:
        return None
    stacked = np.array(rows)
    lengths = np.linalg.norm(stacked, axis=1, keepdims=True)
    unit: np.ndarray = stacked / np.where(lengths > 0, lengths, 1.0)
    return unit
