"""Edits of a model whose parent is known, from the sketches of its matrices.

What writes to the residual stream is sketched with the same signs in all layers, so that the sketch
of a change shows its left singular vectors in 6 numbers that are comparable from matrix to matrix.
An edit that takes directions out of the stream has them in common; a LoRA's differ.
"""

from dataclasses import dataclass

import numpy as np

from registry.architectures.roles import PROJECTIONS, WRITING
from registry.lineage.changes import WeightChanges
from registry.lineage.comparison import ModelComparison
from registry.lineage.edit_nulls import EditNumber
from registry.lineage.verdict import Change, ChangeKind, Evidence, EvidenceKind

SIDE = 6  # of the sketches of what writes
MOST_DIRECTIONS = 3  # that such a sketch shows beside what is left
HELD = 0.95  # of a change's energy, by the directions that it is said to have
FEWEST = 4  # matrices that can have directions in common by more than chance
LEAST_LOST = -0.25  # energy that weights lose where directions are taken out, norms kept or not


@dataclass(frozen=True)
class ChangeDirections:
    """Where the changes of n matrices write to.

    Attributes:
        held: Share of a change's energy in its first 1, 2, 3 ... directions: the median.
        shared: Share of all changes' energy, each of length 1, in the first 1, 2, 3 ... directions
            that they have in common.
        lost: Energy that the matrices lost, in units of that of their changes: 1 where a part was
            taken out, -1 where something at right angles was added, 0 where norms were kept.
    """

    count: int
    held: tuple[float, ...]
    shared: tuple[float, ...]
    lost: float

    @property
    def rank(self) -> int | None:
        """How many directions hold a change; None where they are too many to tell."""
        for count in range(1, MOST_DIRECTIONS + 1):
            number = self.number(EvidenceKind.FIRST_DIRECTIONS, count)
            if number.value >= HELD and number.is_beyond:
                return count
        return None

    def number(self, kind: EvidenceKind, rank: int) -> EditNumber:
        """Return what so many directions hold, or share."""
        values = self.held if kind == EvidenceKind.FIRST_DIRECTIONS else self.shared
        return EditNumber(kind, values[rank - 1], directions=rank)

    def evidence(self, rank: int) -> tuple[Evidence, ...]:
        """Return all numbers of so many directions beside their nulls.

        Of few matrices nothing is said of what they share.
        """
        numbers = [self.number(EvidenceKind.FIRST_DIRECTIONS, rank)]
        if self.count >= FEWEST:
            numbers.append(self.number(EvidenceKind.SHARED_DIRECTIONS, rank))
            numbers.append(EditNumber(EvidenceKind.ENERGY_LOST, self.lost))
        return tuple(number.evidence for number in numbers)


def change_directions(changes: WeightChanges, moved: np.ndarray) -> ChangeDirections | None:
    """Return where the changes of some pairs write to; None of pairs that have no such sketches.

    Args:
        moved: Which pairs.
    """
    images = []
    places = []
    for pairs in changes.pairs.sketches:
        if pairs.side != SIDE:
            continue
        chosen = moved[pairs.places]
        images.append((pairs.later - pairs.earlier)[chosen])
        places.append(pairs.places[chosen])
    if not sum(map(len, images)):
        return None

    squares = np.concatenate(images).reshape(-1, SIDE, SIDE)  # k changes
    energies = np.einsum("kij,kij->k", squares, squares)
    values = np.linalg.svd(squares, compute_uv=False) ** 2  # k x SIDE
    held = np.median(np.cumsum(values, axis=1) / energies[:, None], axis=0)
    outer = np.einsum("kij,klj->kil", squares, squares) / energies[:, None, None]
    shared = np.cumsum(np.linalg.eigvalsh(outer.mean(0))[::-1])
    lost = energy_lost(changes, np.concatenate(places)) / energies.sum()
    return ChangeDirections(len(squares), tuple(held.tolist()), tuple(shared.tolist()), float(lost))


def energy_lost(changes: WeightChanges, places: np.ndarray) -> float:
    """Return |earlier|^2 - |later|^2 of some pairs, from their standard deviations."""
    pairs = changes.pairs
    earlier = pairs.earlier.energies[pairs.theirs[places]]
    later = pairs.later.energies[pairs.ours[places]]
    return float((earlier - later).sum())


def edit_of(comparison: ModelComparison, moved: np.ndarray) -> Change | None:
    """Return the edit of what writes to the stream, and of nothing else; None where it was none.

    Args:
        moved: Which pairs changed by more than rounding.
    """
    directions = written_directions(comparison, moved)
    if directions is None:
        return None
    removed = removal(comparison, moved, directions)
    return removed or edited_matrices(comparison, moved, directions)


def written_directions(comparison: ModelComparison, moved: np.ndarray) -> ChangeDirections | None:
    """Return where the changes write to; None where anything else moved as well."""
    if (moved & ~comparison.changes.pairs.of_projections(*WRITING)).any():
        return None
    return change_directions(comparison.changes, moved)


def written_evidence(comparison: ModelComparison, moved: np.ndarray) -> tuple[Evidence, ...]:
    """Return what sketches tell of a change of what writes alone, and what they leave open.

    None where anything else changed, or where the change is of no low rank.
    """
    directions = written_directions(comparison, moved)
    if directions is None or directions.rank is None:
        return ()
    return (*directions.evidence(directions.rank), Evidence(EvidenceKind.ALONG_WEIGHTS))


def removal(
    comparison: ModelComparison, moved: np.ndarray, directions: ChangeDirections
) -> Change | None:
    """Return that directions were taken out of what writes; None where that does not show."""
    rank = directions.rank
    if rank is None or directions.count < FEWEST or directions.lost < LEAST_LOST:
        return None
    shared = directions.number(EvidenceKind.SHARED_DIRECTIONS, rank)
    if not shared.is_beyond:
        return None
    return Change(
        ChangeKind.DIRECTION_REMOVED,
        amount=rank,
        parts=edited_parts(comparison, moved),
        evidence=directions.evidence(rank),
    )


def edited_matrices(
    comparison: ModelComparison, moved: np.ndarray, directions: ChangeDirections
) -> Change | None:
    """Return that so few matrices of one projection changed as training leaves; None for more."""
    pairs = comparison.changes.pairs
    changed = np.flatnonzero(moved)
    number = EditNumber(
        EvidenceKind.MATRICES_CHANGED,
        len(changed) / len(pairs),
        count=len(changed),
        total=len(pairs),
    )
    of_one = len(np.unique(pairs.projections[changed])) == 1
    if not of_one or not number.is_beyond:
        return None
    first = directions.number(EvidenceKind.FIRST_DIRECTIONS, directions.rank or 1)
    return Change(
        ChangeKind.MATRICES_EDITED,
        amount=len(changed),
        parts=edited_parts(comparison, moved),
        evidence=(number.evidence, first.evidence),
    )


def edited_parts(comparison: ModelComparison, moved: np.ndarray) -> tuple[str | int, ...]:
    """Return the projections that changed, then the layers where others kept their values."""
    pairs = comparison.changes.pairs
    codes = np.unique(pairs.projections[moved])
    layers = np.unique(pairs.layers[moved]).tolist()
    is_everywhere = len(layers) == comparison.a.layer_count
    names = [PROJECTIONS[code] for code in codes.tolist()]
    return (*names, *(() if is_everywhere else layers))
