"""registry.database.compared_models: what is read for a comparison equals what was computed."""

from dataclasses import replace

import numpy as np
import records_made
from sqlalchemy.orm import Session

import registry
from registry.database import fingerprints
from registry.database.compared_models import compared_model
from registry.database.connection import open_database
from registry.database.origin import Origin
from registry.lineage.features import SPECTRUM_RANK, ComparedModel


def test_it_equals_what_a_fingerprint_gives(url, model):
    """Every field; arrays number by number, and no more than 16 singular values."""
    with registry.Registry(url) as known:
        fingerprint = known.ingest(model, family="f", rank=64).fingerprint
    with open_database(url) as engine, Session(engine) as session:
        stored = compared_model(session, "model")

    expected = ComparedModel.of(fingerprint)
    assert stored.family == "f"
    for field in ("digest", "cast_digest", "dtype", "stored", "vocabulary", "projections"):
        assert getattr(stored, field) == getattr(expected, field)
    assert stored.std == tuple(expected.std)
    for matrix, other in zip(stored.matrices, expected.matrices, strict=True):
        assert (matrix.layer, matrix.projection) == (other.layer, other.projection)
        assert len(matrix.singular_values) <= SPECTRUM_RANK
        assert np.array_equal(matrix.singular_values, other.singular_values)
        assert np.array_equal(matrix.sketch, np.float32(other.sketch))
    for branch, other in zip(stored.branches, expected.branches, strict=True):
        assert (branch.layer, branch.branch) == (other.layer, other.branch)
        assert np.array_equal(branch.stream, other.stream)


def test_every_part_of_a_fingerprint_is_there(url, model):
    """Size, other tensors, own axes, zero matrices, the tied head: as a fingerprint out of memory gives them."""
    whole = records_made.whole(registry.fingerprint(model))
    origin = Origin("folder", revision=None, base=None, name="m", family=None, tool_version="0")
    with open_database(url) as engine, Session(engine) as session:
        fingerprints.save(session, origin, whole)
        stored = compared_model(session, "m")

    expected = ComparedModel.of(whole)
    for field in ("hidden_size", "depth", "parameters", "zero", "tied", "architecture"):
        assert getattr(stored, field) == getattr(expected, field)
    assert (stored.depth, stored.tied) == (whole.layers, True)
    for branch, other in zip(stored.branches, expected.branches, strict=True):
        assert (branch.own is None) == (other.own is None)
    assert np.array_equal(stored.branches[0].own, whole.branches[0].own)
    assert [tensor.name for tensor in stored.tensors] == [tensor.name for tensor in whole.tensors]
    for tensor, other in zip(stored.tensors, whole.tensors, strict=True):
        assert replace(tensor, sketch=()) == replace(other, sketch=())
        assert np.array_equal(tensor.sketch, other.sketch)
