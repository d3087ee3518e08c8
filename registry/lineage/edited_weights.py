"""What the weights of both models say of an edit that sketches leave open.

An edit that takes directions out of the residual stream adds, in these, what the matrix wrote there
with the other sign: u^T D runs along u^T W. A LoRA's factors were learnt, and do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from registry.lineage.edit_nulls import EditNumber, Measured
from registry.lineage.verdict import (
    TRAINING,
    Change,
    ChangeKind,
    Evidence,
    EvidenceKind,
    Verdict,
)
from registry.numerics.change_directions import KEPT, ChangeImage, shared_energy

HELD = 0.9  # of a change's energy, by the directions that it is said to have
FEWEST = 4  # matrices that can have directions in common by more than chance
ALONG = 0.8  # squared cosine with what the weights wrote, from which directions were taken out
REFINED = TRAINING | {ChangeKind.DIRECTION_REMOVED, ChangeKind.MATRICES_EDITED}


@dataclass(frozen=True)
class EditedWeights:
    """The changes of all matrices that changed, each in its first directions.

    Attributes:
        images: Of one matrix each.
        parts: The projections, then the layers where others kept their values.
    """

    images: Sequence[ChangeImage]
    parts: tuple[str | int, ...]

    @cached_property
    def held(self) -> np.ndarray:
        """Share of a change's energy in its first 1 ... KEPT directions: the median."""
        rows = np.ones((len(self.images), KEPT))
        for row, image in zip(rows, self.images, strict=True):
            shares = np.cumsum(image.values) / image.energy
            row[: len(shares)] = shares
        held: np.ndarray = np.median(rows, axis=0)
        return held

    @cached_property
    def rank(self) -> int | None:
        """How many directions hold a change; None where they are more than KEPT."""
        for count, share in enumerate(self.held.tolist(), start=1):
            if share >= HELD and self.number(EvidenceKind.FIRST_DIRECTIONS, share, count).is_beyond:
                return count
        return None

    @cached_property
    def along(self) -> float:
        """Squared cosine of the changes with what the weights wrote in their directions: median."""
        cosines = []
        for image in self.images:
            product = image.product[: self.counted].sum()
            lengths = image.values[: self.counted].sum() * image.before[: self.counted].sum()
            cosines.append(product**2 / lengths if lengths else 0.0)
        return float(np.median(cosines))

    @cached_property
    def left(self) -> float:
        """Share of what the weights wrote in these directions that is left: the median."""
        shares = []
        for image in self.images:
            before = image.before[: self.counted].sum()
            shares.append(image.after[: self.counted].sum() / before if before else 1.0)
        return float(np.median(shares))

    @property
    def counted(self) -> int:
        """How many directions are looked at."""
        return self.rank or 1

    @cached_property
    def shared(self) -> float:
        """Share of all changes in as many directions that they have in common."""
        return self.shared_by(self.counted)

    def shared_by(self, count: int) -> float:
        """Return the share of all changes in so many directions that they have in common."""
        return shared_energy(self.images, count)

    @property
    def removes(self) -> bool:
        """Whether directions were taken out."""
        return self.rank is not None and self.along >= ALONG

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """All numbers beside their nulls."""
        count = self.counted
        values = {
            EvidenceKind.FIRST_DIRECTIONS: float(self.held[count - 1]),
            EvidenceKind.SHARED_DIRECTIONS: self.shared,
            EvidenceKind.ALONG_WEIGHTS: self.along,
            EvidenceKind.LEFT_OVER: self.left,
        }
        if len(self.images) < FEWEST:  # few share directions by chance
            del values[EvidenceKind.SHARED_DIRECTIONS]
        return tuple(self.number(kind, value, count).evidence for kind, value in values.items())

    @staticmethod
    def number(kind: EvidenceKind, value: float, count: int) -> EditNumber:
        """Return a number of so many directions, measured on the weights."""
        return EditNumber(kind, value, Measured.WEIGHTS, directions=count)


def refined(verdict: Verdict, edited: EditedWeights) -> Verdict:
    """Return a verdict whose edit is named by the weights of both models."""
    relatives = []
    for relative in verdict.relatives:
        if relative.model == verdict.model:
            relatives.append(replace(relative, changes=refined_changes(relative.changes, edited)))
        else:
            relatives.append(relative)
    changes = refined_changes(verdict.changes, edited)
    return replace(verdict, changes=changes, relatives=tuple(relatives))


def refined_changes(changes: Sequence[Change], edited: EditedWeights) -> tuple[Change, ...]:
    """Return changes with what the weights show in place of what the sketches did."""
    return tuple(
        refined_change(change, edited) if change.kind in REFINED else change for change in changes
    )


def refined_change(change: Change, edited: EditedWeights) -> Change:
    """Return the edit or training that the weights show."""
    if edited.removes:
        return Change(
            ChangeKind.DIRECTION_REMOVED,
            amount=edited.rank,
            parts=edited.parts,
            evidence=edited.evidence,
        )
    if change.kind == ChangeKind.MATRICES_EDITED:
        counted = [line for line in change.evidence if line.kind == EvidenceKind.MATRICES_CHANGED]
        return replace(change, evidence=(*counted, *edited.evidence))
    if edited.rank is None:
        return change
    layers = tuple(part for part in edited.parts if isinstance(part, int))
    return Change(ChangeKind.LORA_LIKE, amount=edited.rank, parts=layers, evidence=edited.evidence)
