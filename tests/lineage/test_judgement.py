"""registry.lineage.judgement: from numbers to a verdict, each line on one scale."""

from dataclasses import replace

import models_made as made
import pytest
import torch
from checkpoints_made import write_folder

import registry
from registry.lineage.calibration import null_distributions
from registry.lineage.comparison import ModelComparison
from registry.lineage.judgement import (
    CandidateCounts,
    evidence_of,
    judge,
    spectral_evidence,
    std_evidence,
    std_p_value,
)
from registry.lineage.verdict import Direction, EvidenceKind, Relation

ROOT = made.grown()


def lines_of(comparison):
    return {line.kind: line for line in evidence_of(comparison, CandidateCounts())}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64], ids=str)
def test_a_cast_is_the_same_weights(tmp_path, dtype):
    """Also where rounding changed nearly every value."""
    wide = made.grown(3)
    one = registry.fingerprint(
        write_folder(tmp_path / "a", {n: t.to(dtype) for n, t in wide.items()}), rank=16
    )
    other = registry.fingerprint(
        write_folder(tmp_path / "b", {n: t.bfloat16() for n, t in wide.items()}), rank=16
    )
    verdict = judge(ModelComparison.of(other, one), "a", None)
    assert verdict.verdict == "same weights"
    assert verdict.changes == ()


@pytest.mark.parametrize("bits", [8, 4])
def test_quantisation_alone_is_a_quantised_copy(fingerprinted, bits):
    """Nothing else was done."""
    child = fingerprinted(f"{bits} bits", made.quantised(ROOT, bits))
    verdict = judge(ModelComparison.of(child, fingerprinted("root", ROOT)), "root", "f")
    assert verdict.verdict == Relation.QUANTISED_COPY
    assert (verdict.model, verdict.family, verdict.closest) == ("root", "f", "root")


def test_an_unknown_says_who_was_closest(fingerprinted):
    """It names nothing, but keeps the numbers of the closest."""
    unrelated = replace(fingerprinted("seed 1", made.grown(1)), projections=("query",))
    verdict = judge(ModelComparison.of(unrelated, fingerprinted("root", ROOT)), "root", "f")
    assert (verdict.verdict, verdict.model, verdict.family) == ("unknown", None, None)
    assert verdict.closest == "root"
    assert verdict.chance > 0.001


def test_the_more_candidates_the_less_it_proves(fingerprinted):
    """The family-wise p-value rises with their number, the pair's own stays."""
    comparison = ModelComparison.of(
        fingerprinted("fine-tuned", made.tuned(ROOT)), fingerprinted("root", ROOT)
    )
    one = judge(comparison, "root", None)
    many = judge(comparison, "root", None, CandidateCounts(1000, 10))
    assert one.p_value == many.p_value
    assert one.chance < many.chance
    assert many.evidence[-1].kind == EvidenceKind.CANDIDATES
    assert (many.evidence[-1].count, many.evidence[-1].families) == (1000, 10)


def test_the_spectral_line_is_the_distance_itself(fingerprinted):
    """Value, null and closest unrelated pair are distances: lower is closer in all of them."""
    comparison = ModelComparison.of(
        fingerprinted("fine-tuned", made.tuned(ROOT)), fingerprinted("root", ROOT)
    )
    line = lines_of(comparison)[EvidenceKind.SPECTRA]
    assert line.direction == Direction.LOWER
    assert line.value == comparison.spectral_distance
    null = null_distributions()["spectra"]
    assert line.null == pytest.approx(10**-null.start)
    assert line.strongest == pytest.approx(10**-null.strongest)
    assert line.strongest < line.null


def test_a_closer_value_has_the_smaller_p_value():
    """In the direction that each line states, p falls, and is 1 up to the null."""
    assert spectral_evidence(float("inf"), 1.0).value is None
    near, far = std_evidence(1e-4), std_evidence(5e-3)
    assert near.p_value < near.value / near.null < 1
    assert far.p_value > 0.05
    assert near.null == far.null == 1.36e-3


def test_equal_matrices_are_counted(fingerprinted):
    """A change of one layer leaves the others equal."""
    one_layer = ROOT | {name: 1.1 * tensor for name, tensor in ROOT.items() if ".layers.0." in name}
    comparison = ModelComparison.of(
        fingerprinted("one layer", one_layer), fingerprinted("root", ROOT)
    )
    line = lines_of(comparison)[EvidenceKind.EQUAL_MATRICES]
    assert (line.count, line.total) == (21, 28)
    assert line.value == pytest.approx(0.75)


def test_families_are_counted_for_the_recipe():
    """Models of one family are not independent."""
    one, many = CandidateCounts(1000, 1), CandidateCounts(1000, 100)
    assert std_p_value(1e-3, one) < std_p_value(1e-3, many)
