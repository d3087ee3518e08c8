"""registry.lineage.change_kinds: every change is named, with its size, whatever was done to a model."""

from dataclasses import replace

import models_made as made
import pytest

from registry.lineage.change_kinds import changes_of
from registry.lineage.comparison import ModelComparison
from registry.lineage.judgement import CandidateCounts, judge
from registry.lineage.verdict import Change, ChangeKind

ROOT = made.grown()


def sole_change(fingerprinted, name, tensors):
    comparison = ModelComparison.of(fingerprinted(name, tensors), fingerprinted("root", ROOT))
    verdict = judge(comparison, "root", None, CandidateCounts(100))
    assert verdict.verdict == "derived"
    (change,) = verdict.changes
    return change


@pytest.mark.parametrize(
    ("name", "tensors", "change"),
    [
        ("lora 4", made.adapted(ROOT, 4), Change(ChangeKind.LORA_LIKE, 4)),
        ("lora 8", made.adapted(ROOT, 8), Change(ChangeKind.LORA_LIKE, 8)),
        (
            "dropped",
            made.layers_taken(ROOT, [0, 1, 3]),
            Change(ChangeKind.LAYERS_REMOVED, parts=(2,)),
        ),
        (
            "stacked",
            made.layers_taken(ROOT, [0, 1, 2, 1, 2, 3]),
            Change(ChangeKind.LAYERS_STACKED, parts=(1, 2)),
        ),
        ("rotated", made.rotated(ROOT), Change(ChangeKind.STREAM_ROTATED)),
        ("neurons", made.neurons_permuted(ROOT), Change(ChangeKind.NEURONS_REPARAMETERISED)),
        ("heads", made.heads_permuted(ROOT), Change(ChangeKind.HEADS_REPARAMETERISED)),
        (
            "new vocabulary",
            made.vocabulary_anew(ROOT),
            Change(ChangeKind.VOCABULARY_SIZE, 70, parts=(80,)),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_was_done(fingerprinted, name, tensors, change):
    """The change alone is named, with its amount and parts."""
    assert sole_change(fingerprinted, name, tensors) == change


@pytest.mark.parametrize(
    ("name", "tensors", "kind", "amount"),
    [
        ("fine-tuned", made.tuned(ROOT), ChangeKind.FINE_TUNED, 0.1),
        ("continued", made.tuned(ROOT, 0.6), ChangeKind.CONTINUED_TRAINING, 0.6),
        ("pruned", made.pruned(ROOT, 0.5), ChangeKind.PRUNED, 0.5),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_how_much_was_done(fingerprinted, name, tensors, kind, amount):
    """Sizes are estimated from sketches, and shares counted."""
    change = sole_change(fingerprinted, name, tensors)
    assert change.kind == kind
    assert change.amount == pytest.approx(amount, rel=0.15)


@pytest.mark.parametrize("bits", [8, 4])
def test_quantisation_is_told_by_the_variety_of_values(fingerprinted, bits):
    """A round trip through integers leaves few different values, and is the only change."""
    comparison = ModelComparison.of(
        fingerprinted(f"{bits} bits", made.quantised(ROOT, bits)), fingerprinted("root", ROOT)
    )
    assert changes_of(comparison) == (Change(ChangeKind.QUANTISED, bits),)


def test_nothing_was_done_to_the_same_weights(fingerprinted):
    """No change has a name where there is none."""
    root = fingerprinted("root", ROOT)
    assert changes_of(ModelComparison.of(root, root)) == ()


def test_other_weights_are_told_from_projections(fingerprinted):
    """Where all projections are equal and the digest is not, embedding, head or norms changed."""
    moved = ROOT | {"model.norm.weight": ROOT["model.norm.weight"] + 0.5}
    comparison = ModelComparison.of(fingerprinted("norm", moved), fingerprinted("root", ROOT))
    assert changes_of(comparison) == (Change(ChangeKind.OTHER_WEIGHTS),)


def test_equal_weights_without_sketches_are_not_rotated(fingerprinted):
    """What an older registry stored has no sketches; of equal weights nothing is said to be changed."""
    now = fingerprinted("root", ROOT)
    matrices = tuple(replace(matrix, sketch=None) for matrix in now.matrices)
    stored = replace(now, branches=(), matrices=matrices)
    assert changes_of(ModelComparison.of(now, stored)) == ()
