"""registry.database.compared_models: what is read for a comparison equals what was computed."""

import numpy as np
from sqlalchemy.orm import Session

import registry
from registry.database.compared_models import compared_model
from registry.database.connection import open_database
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
