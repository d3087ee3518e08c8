"""registry.fingerprints.record: what follows from the numbers of a fingerprint."""

import math
from dataclasses import replace

import pytest
from adapters_made import query_factors, write_adapter
from checkpoints_made import llama, write_folder

import registry


@pytest.fixture(scope="module")
def fingerprint(tmp_path_factory):
    return registry.fingerprint(write_folder(tmp_path_factory.mktemp("m") / "m", llama()))


def test_its_kind(fingerprint, tmp_path):
    """A model, unless it has what only adapters have."""
    assert fingerprint.kind == "model"
    assert registry.fingerprint(write_adapter(tmp_path, query_factors())).kind == "adapter"


def test_the_direction_of_the_std_vector(fingerprint):
    """Of length 1, in the ratios of the standard deviations."""
    assert math.hypot(*fingerprint.std_vector) == pytest.approx(1)
    ratio = fingerprint.std_vector.up / fingerprint.std_vector.query
    assert ratio == pytest.approx(fingerprint.std.up / fingerprint.std.query)


def test_matrices_below_the_rank_are_named(fingerprint):
    """All of this small model at rank 64; none where there are as many values as asked for."""
    assert fingerprint.short == tuple(matrix.tensor for matrix in fingerprint.matrices)
    assert replace(fingerprint, rank=8).short == ()


def test_the_largest_relative_bound(fingerprint):
    """Over all matrices; None where one of them has none."""
    expected = max(max(m.bounds) / m.singular_values[0] for m in fingerprint.matrices)
    assert fingerprint.error == expected
    first, *others = fingerprint.matrices
    unknown = replace(fingerprint, matrices=(*others, replace(first, bounds=None)))
    assert unknown.error is None
