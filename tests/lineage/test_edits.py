"""registry.lineage.edits: what sketches alone tell of an edit."""

import edited_made as edited
import models_made as made
import pytest

from registry.lineage.change_kinds import changes_of
from registry.lineage.comparison import ModelComparison
from registry.lineage.edits import change_directions
from registry.lineage.verdict import ChangeKind, EvidenceKind

ROOT = made.grown()
WRITING = ("output", "down")


def changes_between(fingerprinted, name, tensors):
    later, earlier = fingerprinted(name, tensors), fingerprinted("root", ROOT)
    return changes_of(ModelComparison.of(later, earlier))


@pytest.mark.parametrize(
    ("name", "tensors", "count"),
    [
        ("one direction removed", edited.removed(ROOT), 1),
        ("removed by half", edited.removed(ROOT, strength=0.5), 1),
        ("two directions removed", edited.removed(ROOT, 2), 2),
        ("removed, norms kept", edited.removed_from_directions(ROOT), 1),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_taken_out_everywhere_is_told(fingerprinted, name, tensors, count):
    """All matrices that write have changed in the same directions, and lost what stood there."""
    (change,) = changes_between(fingerprinted, name, tensors)
    assert (change.kind, change.amount) == (ChangeKind.DIRECTION_REMOVED, count)
    assert change.parts == WRITING
    assert [line.kind for line in change.evidence] == [
        EvidenceKind.FIRST_DIRECTIONS,
        EvidenceKind.SHARED_DIRECTIONS,
        EvidenceKind.ENERGY_LOST,
    ]
    assert all(line.null is not None and line.pairs for line in change.evidence)


def test_the_layers_are_named_where_others_kept_theirs(fingerprinted):
    """A direction may be taken out of some layers alone."""
    removed = edited.removed(ROOT)
    some = {name: t for name, t in ROOT.items() if ".layers.0." in name or ".layers.3." in name}
    (change,) = changes_between(fingerprinted, "removed from the middle", removed | some)
    assert change.kind == ChangeKind.DIRECTION_REMOVED
    assert change.parts == (*WRITING, 1, 2)


def test_a_low_rank_that_was_added_is_none(fingerprinted):
    """Its directions differ; whether it took something out is left to the weights."""
    (change,) = changes_between(fingerprinted, "rank 1 added to what writes", edited.added(ROOT, 1))
    assert (change.kind, change.amount) == (ChangeKind.LORA_LIKE, 1)
    (*_, unknown) = change.evidence
    assert (unknown.kind, unknown.value) == (EvidenceKind.ALONG_WEIGHTS, None)


def test_one_matrix_alone_is_told(fingerprinted):
    """All others are equal, which no training of layers leaves."""
    (change,) = changes_between(fingerprinted, "fact written", edited.written(ROOT, 2))
    assert (change.kind, change.amount) == (ChangeKind.MATRICES_EDITED, 1)
    assert change.parts == ("down", 2)
    counted, first = change.evidence
    assert (counted.count, counted.total) == (1, 28)
    assert first.value > 0.98


def test_training_is_no_edit(fingerprinted):
    """What moves every matrix in full rank stays what it was called."""
    (change,) = changes_between(fingerprinted, "tuned", made.tuned(ROOT))
    assert change.kind == ChangeKind.FINE_TUNED
    assert change.evidence == ()


def test_directions_of_none_are_none(fingerprinted):
    """Without a matrix there is nothing to tell."""
    root = fingerprinted("root", ROOT)
    changes = ModelComparison.of(root, root).changes
    assert change_directions(changes, ~changes.every_pair) is None
