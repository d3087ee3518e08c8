"""registry.fingerprints.outline: what a shortlist is searched by."""

from dataclasses import replace

import numpy as np
import pytest
from checkpoints_made import llama, write_folder

import registry
from registry.fingerprints.outline import HALF, Outline, outline


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The fingerprint of a model of three layers."""
    return registry.fingerprint(write_folder(tmp_path_factory.mktemp("small"), llama(layers=3)))


@pytest.mark.parametrize("kind", ["stream", "token"])
def test_first_halves_of_sketches_are_summed(small, kind):
    """Attention's beside the mlp's, over all layers, scaled to length 1, in half precision."""
    sums = [
        np.sum([getattr(b, kind)[:HALF] for b in small.branches if b.branch == branch], axis=0)
        for branch in ("attention", "mlp")
    ]
    expected = np.concatenate(sums)
    found = getattr(outline(small), kind)
    assert found == pytest.approx(expected / np.linalg.norm(expected), abs=1e-3)


def test_the_order_of_layers_does_not_matter(small):
    """Layers that stand elsewhere give the same outline, but for rounding to half precision."""
    moved = tuple(replace(branch, layer=2 - branch.layer) for branch in small.branches)
    found = outline(replace(small, branches=moved))
    assert found.stream == pytest.approx(outline(small).stream, abs=1e-3)


def test_what_has_no_sketches_has_no_outline(small):
    """Without branches nothing but the start is left; without tokens there is no part of theirs."""
    assert outline(replace(small, branches=())) == Outline(small.start, None, None)
    tokenless = tuple(replace(branch, token=None) for branch in small.branches)
    found = outline(replace(small, branches=tokenless))
    assert found.token is None
    assert found.stream == outline(small).stream


def test_one_branch_alone(small):
    """The other's half is zero."""
    attention = tuple(branch for branch in small.branches if branch.branch == "attention")
    found = outline(replace(small, branches=attention))
    assert not any(found.stream[HALF:])


def test_the_outline_in_own_axes_needs_sketches_there(small):
    """It is of length 1; without any sketch there is none."""
    vector = outline(small).own
    assert len(vector) == 64
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)
    without = replace(small, branches=tuple(replace(b, own=None) for b in small.branches))
    assert outline(without).own is None
