"""registry.lineage.comparison: the numbers that decide, and their p-values."""

from dataclasses import replace

import models_made as made
import numpy as np
import pytest

from registry.fingerprints.equal_weights import names_exchanged
from registry.lineage.calibration import null_distributions
from registry.lineage.comparison import ModelComparison, tail_excess

ROOT = made.grown()
NORMS = ("input_layernorm", "post_attention_layernorm")


@pytest.mark.parametrize(
    "config",
    [{}, {"architectures": ["Other"], "num_attention_heads": 64, "model_type": "gemma"}],
    ids=str,
)
def test_a_config_proves_nothing(fingerprinted, config):
    """An empty or lying one changes no number of the verdict."""
    root = fingerprinted("root", ROOT)
    plain = ModelComparison.of(fingerprinted("fine-tuned", made.tuned(ROOT)), root)
    lying = ModelComparison.of(fingerprinted(f"lying {config}", made.tuned(ROOT), config), root)
    assert lying.numbers == plain.numbers


def test_scores_are_comparable(fingerprinted):
    """The more was changed the lower, and every child above an independent run."""
    root = fingerprinted("root", ROOT)
    scores = [
        ModelComparison.of(fingerprinted(f"tuned {by}", made.tuned(ROOT, by)), root).score
        for by in (0.05, 0.5, 1.0)
    ]
    assert scores == sorted(scores, reverse=True)
    independent = ModelComparison.of(fingerprinted("seed 1", made.grown(1)), root)
    assert min(scores) > independent.score
    assert np.isfinite(scores).all()


def test_the_p_value_is_corrected_for_kinds_of_evidence(fingerprinted):
    """Of five kinds the smallest counts five times, and never more than 1."""
    comparison = ModelComparison.of(
        fingerprinted("fine-tuned", made.tuned(ROOT)), fingerprinted("root", ROOT)
    )
    kinds = {"stream", "token", "own axes", "token and own axes", "spectra"}
    assert set(comparison.p_values) == kinds
    assert comparison.p_value == 5 * min(comparison.p_values.values())
    independent = ModelComparison.of(
        fingerprinted("seed 1", made.grown(1)), fingerprinted("root", ROOT)
    )
    assert independent.p_value <= 1


def test_other_projections_have_no_std_distance(fingerprinted):
    """Std vectors of different projections are not compared."""
    root = fingerprinted("root", ROOT)
    without_gate = replace(root, projections=root.projections[:4])
    assert ModelComparison.of(without_gate, root).std_distance is None
    assert ModelComparison.of(root, root).std_distance == 0


def test_without_sketches_spectra_decide(fingerprinted):
    """Models from before sketches were recorded have no alignment, and are matched layer by layer."""
    root = replace(fingerprinted("root", ROOT), branches=())
    comparison = ModelComparison.of(root, root)
    assert comparison.alignment is None
    assert set(comparison.numbers) == {"spectra"}
    assert comparison.changes.places == (0, 1, 2, 3)


def test_the_excess_is_zero_where_the_tail_begins():
    """Below the start of the null's tail it is negative."""
    assert tail_excess("stream", null_distributions()["stream"].start) == 0
    assert tail_excess("stream", 0) < 0


def test_norms_that_exchanged_their_values_are_not_the_same_weights(fingerprinted):
    """Digests of whole models do not know the names within a layer."""
    norms = [f"model.layers.1.{name}.weight" for name in NORMS]
    exchanged = ROOT | dict(zip(norms, [ROOT[norm] for norm in reversed(norms)], strict=True))
    a, b = fingerprinted("exchanged", exchanged), fingerprinted("root", ROOT)
    assert a.digest == b.digest
    comparison = ModelComparison.of(a, b)
    assert names_exchanged(comparison.a.model, comparison.b.model)
    assert not comparison.same
