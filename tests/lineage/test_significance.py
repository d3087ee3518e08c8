"""registry.lineage.significance: what each number is worth, and where it is worth nothing."""

from dataclasses import replace

import models_made as made

from registry.lineage.calibration import null_distributions
from registry.lineage.comparison import ModelComparison
from registry.lineage.judgement import DERIVED
from registry.lineage.significance import combined_p

ROOT = made.grown()


def compared(child, root):
    """Return the comparison of two fingerprints."""
    return ModelComparison.of(child, root)


def flat(fingerprint):
    """Return a fingerprint whose singular values are all equal."""
    matrices = tuple(
        replace(matrix, singular_values=(1.0,) * 16) for matrix in fingerprint.matrices
    )
    return replace(fingerprint, matrices=matrices)


def test_flat_starts_prove_nothing(fingerprinted):
    """However well their sketches agree."""
    root = flat(fingerprinted("root", ROOT))
    child = flat(fingerprinted("fine-tuned", made.tuned(ROOT)))
    assert set(compared(child, root).p_values.values()) == {1.0}


def test_equal_embeddings_prove_nothing_of_the_layers(fingerprinted):
    """A model that is independent but for them has p-values of 1 in their axes."""
    tensors = made.grown(1) | {
        name: tensor for name, tensor in ROOT.items() if "embed_tokens" in name
    }
    comparison = compared(fingerprinted("on embeddings", tensors), fingerprinted("root", ROOT))
    assert comparison.shared_embeddings
    assert comparison.p_values["stream"] == comparison.p_values["token"] == 1.0
    assert not compared(
        fingerprinted("seed 1", made.grown(1)), fingerprinted("root", ROOT)
    ).shared_embeddings


def test_a_child_on_the_same_embeddings_is_known(fingerprinted):
    """Its layers agree far more than embeddings explain."""
    child = compared(fingerprinted("fine-tuned", made.tuned(ROOT)), fingerprinted("root", ROOT))
    assert child.p_values["stream"] < 1e-9


def test_tied_runs_of_one_recipe_are_not_related():
    """The tokens' axes agree among them as well as they did in any measured pair, and no better."""
    strongest = null_distributions()["token"].strongest
    assert null_distributions()["token"].p_value(strongest) > DERIVED


def test_two_kinds_together_are_surer_than_each(fingerprinted):
    """By Fisher's rule, never surer than their product."""
    rotated = compared(fingerprinted("rotated", made.rotated(ROOT)), fingerprinted("root", ROOT))
    token, own = rotated.p_values["token"], rotated.p_values["own axes"]
    assert token * own < combined_p(rotated, "") < min(token, own)


def test_one_equal_matrix_leaves_nothing_to_chance(fingerprinted):
    """A model with one layer of another comes from it."""
    taken = made.grown(1) | {name: t for name, t in ROOT.items() if ".layers.2." in name}
    comparison = compared(fingerprinted("one layer taken", taken), fingerprinted("root", ROOT))
    assert comparison.equal_matrices == 7  # projections of the layer
    assert comparison.p_value < 1e-100
