"""registry.database.searching.near_sketches: models with outlines, layers or spaces near those of another."""

import models_made as made
import numpy as np
import pytest
import torch
from checkpoints_made import write_folder
from sqlalchemy.orm import Session

import registry
from registry.database.connecting.connection import open_database
from registry.database.searching import near_sketches
from registry.database.searching.near_models import NamedModel

LIKENESS = 0.5  # cosine that unrelated models do not reach


def saved(folder, tensors):
    rounded = {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}
    return write_folder(folder, rounded)


@pytest.fixture
def child(tmp_path):
    """The fingerprint of a model that the first of two registered ones was trained into."""
    return registry.fingerprint(saved(tmp_path / "child", made.tuned(made.grown(0))))


@pytest.fixture
def session(url, tmp_path):
    """A session on a registry of two unrelated models."""
    with registry.Registry(url) as known:
        for seed in range(2):
            known.ingest(saved(tmp_path / f"root {seed}", made.grown(seed)), family=f"f{seed}")
    with open_database(url) as engine, Session(engine) as opened:
        yield opened


def test_the_nearest_outline_is_the_parents(session, child):
    """The cosine is that of the outlines, and unrelated models stay far below."""
    parent, other = near_sketches.by_outline(session, child, 5)
    assert (parent.model, other.model) == ("root 0", "root 1")
    assert parent.cosine > LIKENESS > other.cosine


def test_no_more_outlines_than_asked_for(session, child):
    """The first of them."""
    assert [near.model for near in near_sketches.by_outline(session, child, 1)] == ["root 0"]


def test_first_values_find_the_parent(session, child):
    """With its family, and the cosine of the images of the tensors' first values."""
    parent, other = near_sketches.by_start(session, child.start, 5)
    assert parent.named == NamedModel("root 0", "f0")
    assert parent.cosine > LIKENESS > other.cosine


def test_a_layer_finds_the_parent(session, child):
    """Every model has the cosine of its most similar layer."""
    cosines = near_sketches.by_branch(session, child.branches[0], 20)
    assert set(cosines) == {NamedModel("root 0", "f0"), NamedModel("root 1", "f1")}
    assert cosines["root 0", "f0"] > LIKENESS > cosines["root 1", "f1"]


def test_own_axes_find_the_parent_of_a_rotated_child(session, tmp_path):
    """A new vocabulary and a rotated stream leave the outline as it is."""
    hidden = made.rotated(made.vocabulary_anew(made.grown(0)))
    child = registry.fingerprint(saved(tmp_path / "hidden", hidden))
    assert near_sketches.by_own_axes(session, child, 5) == ["root 0", "root 1"]
    assert near_sketches.by_own_axes(session, child, 1) == ["root 0"]


def test_own_sketches_are_those_that_were_stored(session, child):
    """Of every branch of every layer of a small model."""
    own = near_sketches.own_sketches(session, ["root 0"])["root 0"]
    stored = set(zip(own.layers.tolist(), own.products.tolist(), strict=True))
    assert stored >= {(branch.layer, branch.branch) for branch in child.branches}


def test_sketches_are_those_that_were_stored(session, url):
    """Layers x 256 numbers of every branch; a model that is not registered has none."""
    sketches = near_sketches.sketches_of(session, ["root 1", "nobody"])
    assert list(sketches) == ["root 1", "nobody"]
    with registry.Registry(url) as known:
        stored = known.show("root 1").fingerprint
    expected = [branch.stream for branch in stored.branches if branch.branch == "mlp"]
    assert np.array_equal(sketches["root 1"].tables["stream", "mlp"], np.array(expected))
    assert not sketches["nobody"].tables["stream", "mlp"].size
