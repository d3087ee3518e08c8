"""registry.database.stored.compared_models: what is read for a comparison equals what was computed."""

from dataclasses import fields, replace

import numpy as np
import records_made
from sqlalchemy.orm import Session

import registry
from registry.database.connecting.connection import open_database
from registry.database.stored import fingerprints
from registry.database.stored.compared_models import compared_model
from registry.database.stored.origin import Origin
from registry.lineage.features import ComparedModel
from registry.lineage.matrix_columns import SPECTRUM_RANK, MatrixColumns
from registry.lineage.own_alignment import own_tables


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
    assert_equal(stored, expected)
    assert stored.matrices.singular_values.shape[1] == SPECTRUM_RANK


def assert_equal(stored: ComparedModel, expected: ComparedModel) -> None:
    """Compare every array of two models; sketches of matrices are stored in single precision."""
    for field in fields(MatrixColumns):
        if field.name != "stacks":
            column, other = (
                getattr(stored.matrices, field.name),
                getattr(expected.matrices, field.name),
            )
            assert np.array_equal(column, other, equal_nan=other.dtype.kind == "f"), field.name
    by_size = {stack.size: stack for stack in expected.matrices.stacks}
    assert {stack.size for stack in stored.matrices.stacks} == set(by_size)
    for stack in stored.matrices.stacks:
        assert np.array_equal(stack.places, by_size[stack.size].places)
        assert np.array_equal(stack.numbers, np.float32(by_size[stack.size].numbers))
    for place, table in expected.sketches.tables.items():
        assert np.array_equal(stored.sketches.tables[place], table)
    assert np.array_equal(own_tables(stored.own), own_tables(expected.own))


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
    assert_equal(stored, expected)
    assert [tensor.name for tensor in stored.tensors] == [tensor.name for tensor in whole.tensors]
    for tensor, other in zip(stored.tensors, whole.tensors, strict=True):
        assert replace(tensor, sketch=()) == replace(other, sketch=())
        assert np.array_equal(tensor.sketch, other.sketch)
