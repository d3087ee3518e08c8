"""registry.lineage.own_alignment: branches in axes that each model itself gives."""

from dataclasses import replace

import models_made as made
import numpy as np
import pytest

from registry.lineage.features import ModelFeatures
from registry.lineage.own_alignment import (
    AXES,
    OwnSketches,
    align_own,
    better_rotation,
    nearest_rotation,
    own_tables,
)

ROOT = made.grown()


def own(fingerprint):
    """Return a fingerprint's tables."""
    return ModelFeatures.of(fingerprint).own


def random_rotation(seed: int) -> np.ndarray:
    """Return an orthogonal matrix of AXES rows."""
    draw = np.random.default_rng(seed)
    return nearest_rotation(draw.standard_normal((AXES, AXES)))


def test_a_table_is_of_unit_length(fingerprinted):
    """For three products of every layer of a small model."""
    tables = own(fingerprinted("root", ROOT))
    assert tables.shape == (3, made.LAYERS, AXES, AXES)
    assert np.linalg.norm(tables, axis=(2, 3)) == pytest.approx(np.ones((3, made.LAYERS)))


@pytest.mark.parametrize("name", ["rotated", "stream_permuted", "neurons_permuted"])
def test_the_streams_axes_do_not_matter(fingerprinted, name):
    """What a rotation or a permutation does to the weights leaves the alignment at 1."""
    child = own(fingerprinted(name, getattr(made, name)(ROOT)))
    alignment = align_own(child, own(fingerprinted("root", ROOT)))
    assert alignment.similarity > 0.95
    assert alignment.pairs == tuple((layer, layer) for layer in range(made.LAYERS))


def test_any_rotation_of_the_axes_is_found():
    """Tables that a random rotation was applied to, in other layers' order."""
    draw = np.random.default_rng(0)
    a = draw.standard_normal((2, 4, AXES, AXES)) * 0.8 ** np.arange(AXES)
    a /= np.linalg.norm(a, axis=(2, 3), keepdims=True)
    turn = random_rotation(1)
    b = turn.T @ a @ turn
    assert align_own(a, b).similarity == pytest.approx(1, abs=1e-3)


def test_an_independent_model_agrees_less(fingerprinted):
    """Whatever rotation is chosen."""
    alignment = align_own(
        own(fingerprinted("seed 1", made.grown(1))), own(fingerprinted("root", ROOT))
    )
    assert alignment.similarity < 0.6


def test_models_without_such_sketches_are_not_aligned(fingerprinted):
    """Nothing in common gives no alignment."""
    root = fingerprinted("root", ROOT)
    without = replace(
        root, branches=tuple(replace(b, own=None, scores=None) for b in root.branches)
    )
    assert own_tables(OwnSketches.of(without.branches)).shape[1] == 0
    assert align_own(own(without), own(root)) is None


def test_steps_improve_a_random_rotation():
    """Ten of them agree better than what they began with."""
    draw = np.random.default_rng(3)
    ones, others = draw.standard_normal((2, 6, AXES, AXES))
    rotation = random_rotation(4)

    def agreement(turn: np.ndarray) -> float:
        return float(np.sum((turn.T @ ones @ turn) * others))

    better = rotation
    for _ in range(10):
        better = better_rotation(ones, others, better)
    assert agreement(better) > agreement(rotation)
