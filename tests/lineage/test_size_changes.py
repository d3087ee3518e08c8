"""registry.lineage.size_changes: counts that shapes tell."""

import models_made as made
import pytest
import resized_made as resized

from registry.lineage.comparison import ModelComparison
from registry.lineage.size_changes import size_changes, stream_width
from registry.lineage.verdict import Change, ChangeKind

ROOT = made.grown()


def test_equal_shapes_are_no_change(fingerprinted):
    """Training changes no count."""
    comparison = ModelComparison.of(
        fingerprinted("fine-tuned", made.tuned(ROOT)), fingerprinted("root", ROOT)
    )
    assert list(size_changes(comparison)) == []
    assert stream_width(comparison.a) == made.HIDDEN


def test_uneven_counts_are_means_over_the_layers(fingerprinted):
    """One layer of four with half of its neurons."""
    narrow = resized.neurons_pruned(ROOT, left=48)
    uneven = ROOT | {name: t for name, t in narrow.items() if ".layers.1." in name}
    comparison = ModelComparison.of(fingerprinted("uneven", uneven), fingerprinted("root", ROOT))
    (change,) = size_changes(comparison)
    assert change == Change(ChangeKind.NEURONS, 84, (96,))


def test_several_counts_are_told_together(fingerprinted):
    """Width, neurons and heads at once."""
    tensors = resized.narrowed(resized.heads_pruned(resized.neurons_pruned(ROOT)))
    comparison = ModelComparison.of(fingerprinted("small", tensors), fingerprinted("root", ROOT))
    assert list(size_changes(comparison)) == [
        Change(ChangeKind.WIDTH, 48, (64,)),
        Change(ChangeKind.NEURONS, 72, (96,)),
        Change(ChangeKind.HEADS, 32, (64,)),
    ]


@pytest.mark.parametrize(("later", "now", "before"), [(True, 4, 1), (False, 1, 4)])
def test_dense_layers_count_as_one_expert(fingerprinted, later, now, before):
    """A mixture in place of an MLP, and the other way round."""
    moe = fingerprinted("experts", resized.with_experts(ROOT))
    dense = fingerprinted("root", ROOT)
    comparison = ModelComparison.of(moe, dense) if later else ModelComparison.of(dense, moe)
    assert Change(ChangeKind.EXPERTS, now, (before,)) in list(size_changes(comparison))
