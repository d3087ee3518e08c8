"""registry.lineage.adapter_base: an adapter reads and writes along the directions of its base."""

import math
from dataclasses import replace

import models_made as made
import numpy as np
import pytest

from registry.fingerprints.record import Adapter, Space
from registry.lineage.adapter_base import (
    BaseFit,
    CandidateBase,
    RegisteredAdapter,
    direction_agreement,
    fits_shapes,
    judge_adapter,
    rank_bases,
)
from registry.lineage.verdict import Change, ChangeKind, EvidenceKind

ROOT = made.grown()
LORA = Adapter("lora", 8, (0.0,) * 7, (), ())


def spaces(seed, count=8):
    draw = np.random.default_rng(seed)
    rows = draw.standard_normal((count, 136))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return tuple(Space(i, "reads", tuple(row)) for i, row in enumerate(rows))


@pytest.fixture
def adapter(fingerprinted):
    """A fingerprint that passes for an adapter's."""
    return replace(fingerprinted("root", ROOT), adapter=LORA, spaces=spaces(0))


def test_equal_directions_agree_by_the_root_of_their_numbers():
    """Z = n sqrt(d / n) for n equal unit sketches of d numbers; unrelated ones are within a few."""
    assert direction_agreement(spaces(0), spaces(0)) == pytest.approx(math.sqrt(8 * 136))
    assert abs(direction_agreement(spaces(0), spaces(1))) < 4
    assert direction_agreement(spaces(0), ()) == 0


def test_the_best_fit_is_first(adapter):
    """Bases are sorted by z."""
    bases = [CandidateBase("other", "f", spaces(1)), CandidateBase("own", "f", spaces(0))]
    fits = rank_bases(adapter, bases)
    assert [fit.model for fit in fits] == ["own", "other"]
    assert fits[0].p_value < 1e-10


def test_shapes_must_all_be_there(fingerprinted, adapter):
    """A base lacks no matrix that the adapter changes."""
    root = fingerprinted("root", ROOT)
    assert fits_shapes(adapter, root)
    assert not fits_shapes(adapter, replace(root, matrices=root.matrices[1:]))


def test_a_certain_fit_names_the_base(adapter):
    """The change is the adapter's method and rank."""
    verdict = judge_adapter(adapter, None, [BaseFit("own", "f", 30.0), BaseFit("o", "f", 1.0)])
    assert (verdict.verdict, verdict.model, verdict.candidates) == ("derived", "own", 2)
    assert verdict.changes == (Change(ChangeKind.ADAPTER, 8, ("lora",)),)


def test_an_uncertain_fit_is_unknown(adapter):
    """It says who was closest and how many its shapes fit."""
    verdict = judge_adapter(adapter, None, [BaseFit("own", "f", 2.0)])
    assert (verdict.verdict, verdict.closest) == ("unknown", "own")
    assert [line.kind for line in verdict.evidence] == [EvidenceKind.SHAPES, EvidenceKind.FIT]
    assert verdict.evidence[0].count == 1


def test_a_registered_adapter_is_the_same_weights(adapter):
    """Its deltas are equal; nothing else is compared."""
    verdict = judge_adapter(adapter, RegisteredAdapter("twin", "f"), [])
    assert (verdict.verdict, verdict.model, verdict.chance) == ("same weights", "twin", None)


def test_nothing_of_its_shapes_is_unknown(adapter):
    """Without a base of its shapes there is no number."""
    verdict = judge_adapter(adapter, None, [])
    assert (verdict.verdict, verdict.closest, verdict.score) == ("unknown", None, None)
    assert verdict.evidence[0].count == 0
