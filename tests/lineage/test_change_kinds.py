"""registry.lineage.change_kinds: every change is named, with its amount, whatever was done to a model."""

from dataclasses import replace

import models_made as made
import pytest
import resized_made as resized
import torch

from registry.lineage.change_kinds import changes_of, kinds_of
from registry.lineage.comparison import ModelComparison
from registry.lineage.judgement import CandidateCounts, judge
from registry.lineage.verdict import Change, ChangeKind

ROOT = made.grown()
HEADED = ROOT | {"lm_head.weight": made.grown(4)["model.embed_tokens.weight"]}
EXPERTS = resized.with_experts(ROOT)


def changes_between(fingerprinted, name, tensors, root=ROOT, root_name="root"):
    later, earlier = fingerprinted(name, tensors), fingerprinted(root_name, root)
    return changes_of(ModelComparison.of(later, earlier))


@pytest.mark.parametrize(
    ("name", "tensors", "change"),
    [
        ("lora 4", made.adapted(ROOT, 4), Change(ChangeKind.LORA_LIKE, 4)),
        ("lora 8", made.adapted(ROOT, 8), Change(ChangeKind.LORA_LIKE, 8)),
        ("dropped", made.layers_taken(ROOT, [0, 1, 3]), Change(ChangeKind.LAYERS_REMOVED, 1, (2,))),
        (
            "stacked",
            made.layers_taken(ROOT, [0, 1, 2, 1, 2, 3]),
            Change(ChangeKind.LAYERS_STACKED, 2, (1, 2)),
        ),
        (
            "swapped",
            made.layers_taken(ROOT, [0, 2, 1, 3]),
            Change(ChangeKind.LAYERS_REORDERED, 2, (1, 2)),
        ),
        (
            "inserted",
            resized.silenced(made.layers_taken(ROOT, [0, 1, 1, 2, 3]), 2),
            Change(ChangeKind.LAYERS_INSERTED, 1, (2,)),
        ),
        ("neurons", made.neurons_permuted(ROOT), Change(ChangeKind.NEURONS_REPARAMETERISED)),
        ("heads", made.heads_permuted(ROOT), Change(ChangeKind.HEADS_REPARAMETERISED)),
        ("signs", made.signs_flipped(ROOT), Change(ChangeKind.NEURONS_REPARAMETERISED)),
        ("halves", resized.queries_mapped(ROOT), Change(ChangeKind.QUERY_KEY_REPARAMETERISED)),
        ("stream", made.stream_permuted(ROOT), Change(ChangeKind.STREAM_ROTATED)),
        ("narrow", resized.narrowed(ROOT), Change(ChangeKind.WIDTH, 48, (64,))),
        ("fewer neurons", resized.neurons_pruned(ROOT), Change(ChangeKind.NEURONS, 72, (96,))),
        ("fewer heads", resized.heads_pruned(ROOT), Change(ChangeKind.HEADS, 32, (64,))),
        ("more keys", resized.keys_repeated(ROOT), Change(ChangeKind.KV_HEADS, 64, (32,))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_was_done(fingerprinted, name, tensors, change):
    """The change alone is named, with its amount and parts."""
    assert changes_between(fingerprinted, name, tensors) == (change,)


def test_a_rotation_folds_the_norms(fingerprinted):
    """Where the stream is rotated, gains have moved into the weights before."""
    kinds = kinds_of(changes_between(fingerprinted, "rotated", made.rotated(ROOT)))
    assert kinds == {ChangeKind.STREAM_ROTATED, ChangeKind.NORMS_FOLDED}


def test_folded_norms_are_no_training(fingerprinted):
    """Gains that became one stand in the weights that read them."""
    changes = changes_between(fingerprinted, "folded", made.norms_folded(ROOT))
    assert changes == (Change(ChangeKind.NORMS_FOLDED),)


def test_rescaled_gains_are_no_training(fingerprinted):
    """Gains and what reads them changed against each other, and the branches did not."""
    changes = changes_between(fingerprinted, "rescaled gains", resized.gains_rescaled(ROOT))
    assert changes == (Change(ChangeKind.NORMS_FOLDED),)


def test_a_smaller_matrix_cannot_outgrow_the_larger(fingerprinted):
    """A singular value beyond that of the whole shows training beside the pruned width."""
    child = resized.narrowed({name: 1.5 * t for name, t in ROOT.items()})
    kinds = kinds_of(changes_between(fingerprinted, "narrow and trained", child))
    assert kinds == {ChangeKind.WIDTH, ChangeKind.FINE_TUNED}


def test_a_new_vocabulary_has_its_size_and_new_embeddings(fingerprinted):
    """Tokens that are others are told beside how many there are."""
    changes = changes_between(fingerprinted, "new vocabulary", made.vocabulary_anew(ROOT))
    assert changes == (
        Change(ChangeKind.VOCABULARY_SIZE, 70, (80,)),
        Change(ChangeKind.TOKENS_EMBEDDED_ANEW),
    )


def test_reordered_tokens_keep_the_length_of_the_embedding(fingerprinted):
    """Rows in another order are told from rows that are new."""
    name = "model.embed_tokens.weight"
    order = torch.randperm(len(ROOT[name]), generator=torch.Generator().manual_seed(3))
    changes = changes_between(fingerprinted, "reordered", ROOT | {name: ROOT[name][order]})
    assert changes == (Change(ChangeKind.TOKENS_REORDERED),)


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
    (change,) = changes_between(fingerprinted, name, tensors)
    assert change.kind == kind
    assert change.amount == pytest.approx(amount, rel=0.15)


@pytest.mark.parametrize("bits", [8, 4, 3])
def test_quantisation_is_told_by_the_variety_of_values(fingerprinted, bits):
    """A round trip through integers leaves few different values, and is the only change."""
    tensors = made.quantised(ROOT, bits)
    (change,) = changes_between(fingerprinted, f"{bits} bits", tensors)
    assert (change.kind, change.amount, change.parts) == (ChangeKind.QUANTISED, bits, ())
    assert change.stated == "bfloat16"


@pytest.mark.parametrize(
    ("ending", "group"),
    [
        ("embed_tokens.weight", "embedding"),
        ("lm_head.weight", "head"),
        ("layernorm.weight", "norm"),
    ],
)
def test_tensors_trained_alone_are_told_by_their_group(fingerprinted, ending, group):
    """What is outside the projections counts, and is never 'same weights'."""
    child = resized.trained_alone(HEADED, ending)
    comparison = ModelComparison.of(
        fingerprinted(f"{group} trained", child), fingerprinted("headed", HEADED)
    )
    verdict = judge(comparison, "headed", None, CandidateCounts(100))
    (change,) = verdict.changes
    assert verdict.verdict == "derived"
    assert (change.kind, change.parts) == (ChangeKind.TENSORS_CHANGED, (group,))


def test_trained_routers_are_told(fingerprinted):
    """Where the routers alone of a mixture of experts were trained."""
    child = resized.trained_alone(EXPERTS, "mlp.gate.weight")
    (change,) = changes_between(fingerprinted, "routed", child, EXPERTS, "experts")
    assert (change.kind, change.parts) == (ChangeKind.TENSORS_CHANGED, ("router",))


def test_pruned_experts_are_counted(fingerprinted):
    """Experts are matched whatever their numbers; the rest is as it was."""
    child = resized.with_experts(ROOT, kept=(1, 3))
    changes = changes_between(fingerprinted, "two experts", child, EXPERTS, "experts")
    assert changes == (Change(ChangeKind.EXPERTS, 2, (4,)),)


def test_experts_in_another_order_are_no_training(fingerprinted):
    """Equal experts under other numbers."""
    child = resized.with_experts(ROOT, kept=(2, 0, 3, 1))
    changes = changes_between(fingerprinted, "reordered experts", child, EXPERTS, "experts")
    assert changes == (Change(ChangeKind.EXPERTS_REORDERED),)


def test_extra_heads_stand_beside_an_untouched_base(fingerprinted):
    """A value head that was added is told, and nothing else."""
    child = HEADED | {"v_head.weight": torch.ones(1, made.HIDDEN)}
    changes = changes_between(fingerprinted, "value head", child, HEADED, "headed")
    assert changes == (Change(ChangeKind.TENSORS_ADDED, 1, ("head",)),)


def test_a_head_of_its_own_is_untied(fingerprinted):
    """A head that the base took from the embedding has weights of its own."""
    changes = changes_between(fingerprinted, "headed", HEADED)
    assert changes == (Change(ChangeKind.HEAD_UNTIED),)


def test_one_trained_layer_is_named(fingerprinted):
    """Where all other layers kept their values."""
    child = resized.trained_alone(ROOT, "layers.2.mlp.up_proj.weight", by=0.1)
    (change,) = changes_between(fingerprinted, "one matrix", child)
    assert (change.kind, change.parts) == (ChangeKind.FINE_TUNED, (2,))


def test_training_shows_beside_another_order_of_neurons(fingerprinted):
    """What was rewritten does not hide what was trained."""
    child = made.neurons_permuted(made.tuned(ROOT))
    kinds = kinds_of(changes_between(fingerprinted, "tuned and permuted", child))
    assert kinds == {ChangeKind.NEURONS_REPARAMETERISED, ChangeKind.FINE_TUNED}


def test_nothing_was_done_to_the_same_weights(fingerprinted):
    """No change has a name where there is none."""
    root = fingerprinted("root", ROOT)
    assert changes_of(ModelComparison.of(root, root)) == ()


def test_other_weights_without_records_are_told_together(fingerprinted):
    """Where all projections are equal, the digest is not, and the other tensors were not kept."""
    moved = ROOT | {"model.norm.weight": ROOT["model.norm.weight"] + 0.5}
    later = replace(fingerprinted("norm", moved), tensors=())
    earlier = replace(fingerprinted("root", ROOT), tensors=())
    assert changes_of(ModelComparison.of(later, earlier)) == (Change(ChangeKind.OTHER_WEIGHTS),)


def test_what_cannot_be_told_is_said(fingerprinted):
    """Matrices that differ without a sketch to compare them."""
    later, earlier = fingerprinted("fine-tuned", made.tuned(ROOT)), fingerprinted("root", ROOT)
    blind = tuple(replace(matrix, sketch=None, distinct_share=None) for matrix in later.matrices)
    child = replace(later, matrices=blind, tensors=())
    (change,) = changes_of(ModelComparison.of(child, replace(earlier, tensors=())))
    assert change.kind == ChangeKind.NOT_TOLD_APART


def test_equal_weights_without_sketches_are_not_rotated(fingerprinted):
    """What an older registry stored has no sketches; of equal weights nothing is said to be changed."""
    now = fingerprinted("root", ROOT)
    matrices = tuple(replace(matrix, sketch=None) for matrix in now.matrices)
    stored = replace(now, branches=(), matrices=matrices)
    assert changes_of(ModelComparison.of(now, stored)) == ()
