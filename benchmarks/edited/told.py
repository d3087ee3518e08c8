"""What is said of a child beside its root, by what is stored and with the weights at hand."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edited.children import Child
from registry.checkpoints import open_checkpoint
from registry.fingerprints.grades import Grade
from registry.fingerprints.record import RANKS, Fingerprint
from registry.lineage.comparison import ModelComparison
from registry.lineage.edited_weights import EditedWeights
from registry.lineage.edits import ChangeDirections, change_directions
from registry.lineage.pair import model_verdict
from registry.lineage.verdict import ChangeKind, Verdict
from registry.workflows.edited import images_of, places_of, with_edit
from registry.workflows.subject import Subject

WORDS = {
    ChangeKind.DIRECTION_REMOVED: "direction removed",
    ChangeKind.MATRICES_EDITED: "matrix edited",
    ChangeKind.QUANTISED: "quantised",
    ChangeKind.PRUNED: "pruned",
    ChangeKind.LORA_LIKE: "LoRA-like",
    ChangeKind.FINE_TUNED: "trained",
    ChangeKind.CONTINUED_TRAINING: "trained",
}
WRITING = ("output", "down")


@dataclass(frozen=True)
class Numbers:
    """What a child's change comes to, for nulls.

    Attributes:
        sketched: Of what writes, by the sketches; None where it did not change.
        exact: The same by the weights.
        changed: Share of the matrices that changed.
        variety: Distinct values among neighbours, of what is expected of the root's.
    """

    sketched: ChangeDirections | None
    exact: EditedWeights | None
    changed: float
    variety: float


@dataclass(frozen=True)
class Told:
    """A child, what was said of it, and the numbers behind that."""

    child: Child
    stored: Verdict
    weights: Verdict
    numbers: Numbers

    @property
    def name(self) -> str:
        """The child's name with its root's."""
        return f"{self.child.root}/{self.child.name}"

    def said(self, grade: str) -> str:
        """The first of the changes that has a word here."""
        verdict = self.stored if grade == "stored" else self.weights
        kinds = [change.kind for change in verdict.changes]
        if any(change.stated for change in verdict.changes):
            return "fewer bits than stated"
        for kind, word in WORDS.items():
            if kind in kinds:
                return word
        return str(kinds[0]) if kinds else str(verdict.verdict)


def tell(child: Child, later: Fingerprint, parent: Path, earlier: Fingerprint) -> Told:
    """Compare a child with its root."""
    comparison = ModelComparison.of(later, earlier)
    stored = model_verdict(comparison, child.root, None)
    one, other = at_hand(child.folder, later), at_hand(parent, earlier)
    weights = with_edit(stored, one, other)
    return Told(child, stored, weights, numbers_of(comparison, one, other))


def at_hand(folder: Path, known: Fingerprint) -> Subject:
    """A folder whose fingerprint is known."""
    return Subject(open_checkpoint(folder), None, {"rank": RANKS[0]}, {Grade.FULL: known})


def numbers_of(comparison: ModelComparison, one: Subject, other: Subject) -> Numbers:
    """Return the numbers of a child's change."""
    changes = comparison.changes
    pairs = changes.pairs
    writing = pairs.of_projections(*WRITING) & ~pairs.same & pairs.same_shape
    sketched = change_directions(changes, writing) if writing.any() else None
    later, earlier = (places_of(model.fingerprint(Grade.FULL)) for model in (one, other))
    places = [
        place
        for place, matrix in later.items()
        if place.projection in WRITING
        and place in earlier
        and matrix.digest != earlier[place].digest
    ]
    images = list(images_of(places, one, other))
    variety = changes.variety
    expected = variety.earlier * variety.nonzero
    return Numbers(
        sketched=sketched,
        exact=EditedWeights(images, ()) if images else None,
        changed=float(np.mean(~pairs.same)),
        variety=variety.later / expected if expected else 1.0,
    )
