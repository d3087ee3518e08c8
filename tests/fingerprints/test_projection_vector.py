"""registry.fingerprints.projection_vector: seven numbers by name and by position."""

import json
import pickle

import numpy as np
import pytest
from checkpoints_made import llama, write_folder

import registry
from registry.architectures.roles import PROJECTIONS
from registry.fingerprints.projection_vector import ProjectionVector

NUMBERS = (0.5, 1.0, 0.0, 2.0, 3.0, 4.0, 5.0)
VECTOR = ProjectionVector(*NUMBERS)


def test_its_fields_are_the_projections():
    """In the order of the papers."""
    assert ProjectionVector._fields == PROJECTIONS


@pytest.mark.parametrize(("place", "name"), list(enumerate(PROJECTIONS)))
def test_a_name_is_a_place(place, name):
    """By name in brackets, as an attribute and by position: one number."""
    assert VECTOR[name] == getattr(VECTOR, name) == VECTOR[place] == NUMBERS[place]


@pytest.mark.parametrize("name", ["queries", "", "Query"])
def test_a_name_that_is_no_projection(name):
    """A KeyError says which there are."""
    with pytest.raises(KeyError, match=rf"no projection is called '{name}'; they are query, key"):
        VECTOR[name]


def test_it_is_a_tuple():
    """It equals one, is cut as one, and is one for json, numpy and pickle."""
    assert VECTOR == NUMBERS
    assert hash(VECTOR) == hash(NUMBERS)
    assert VECTOR[1:3] == NUMBERS[1:3]
    assert VECTOR[-1] == NUMBERS[-1]
    assert json.dumps(VECTOR) == json.dumps(NUMBERS)
    assert np.array(VECTOR).tolist() == list(NUMBERS)
    copy = pickle.loads(pickle.dumps(VECTOR))
    assert (copy, type(copy)) == (VECTOR, ProjectionVector)


def test_a_place_that_is_not_there():
    """An IndexError, as of any tuple."""
    with pytest.raises(IndexError, match="out of range"):
        VECTOR[7]


def test_vectors_of_a_fingerprint(tmp_path):
    """Standard deviations, their direction and the clustering vectors are read by name."""
    fingerprint = registry.fingerprint(write_folder(tmp_path, llama()))
    for vector in (fingerprint.std, fingerprint.std_vector, fingerprint.clusterings[0].vector):
        assert isinstance(vector, ProjectionVector)
        assert vector["down"] == vector.down == vector[6]


def test_vectors_that_were_stored(url, tmp_path):
    """They come out of the database as they went in."""
    with registry.Registry(url) as models:
        ingested = models.ingest(write_folder(tmp_path, llama()), name="small")
        _, stored = models.show("small")
    assert stored.std["gate"] == ingested.fingerprint.std["gate"]
    assert stored.clusterings[0].vector["query"] == ingested.fingerprint.clusterings[0].vector[0]
