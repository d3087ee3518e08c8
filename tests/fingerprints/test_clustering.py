"""registry.fingerprints.clustering: labels, and which cluster is Query's."""

from dataclasses import replace

import numpy as np
import pytest
from checkpoints_made import llama, write_folder

import registry
from registry.fingerprints.clustering import (
    cluster_vector,
    clusterings_to_rank,
    doubtful_positions,
    is_coarse,
    labels_from_query,
    query_cluster,
)
from registry.numerics.kmeans import Clusters


@pytest.fixture(scope="module")
def fingerprint(tmp_path_factory):
    """A model of two layers: query, key, value and so on of the first, then of the second."""
    return registry.fingerprint(write_folder(tmp_path_factory.mktemp("m") / "m", llama()))


def clusters(*labels):
    """A partition of the fourteen matrices."""
    return Clusters(labels, 0.0, (0.0,) * len(labels))


def test_clusterings_follow_from_the_matrices(fingerprint):
    """They are those of the record, at every rank up to its own."""
    assert clusterings_to_rank(fingerprint.matrices, 64) == fingerprint.clusterings
    assert clusterings_to_rank(fingerprint.matrices, 16) == fingerprint.clusterings[:1]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((1, 0, 0, 0, 0, 0, 0), (1, 0, 0, 0, 0, 0, 0), 1),
        ((0, 1, 0, 0, 0, 0, 0), (1, 1, 0, 0, 0, 0, 0), 1),
        ((0, 1, 1, 0, 0, 0, 0), (1, 0, 1, 0, 0, 0, 0), 1),
        ((1, 0, 0, 0, 0, 0, 0), (0, 1, 1, 1, 1, 1, 1), 1),
    ],
    ids=["query", "a tie, then key", "two ties, then value", "ties throughout"],
)
def test_the_cluster_of_query(fingerprint, first, second, expected):
    """Where query splits evenly, key decides, then value; at last the first matrix."""
    assert query_cluster(fingerprint.matrices, clusters(*first, *second)) == expected


def test_three_labels_count_from_query(fingerprint):
    """Query's cluster is 0, the others follow as they appear."""
    labels = (2, 0, 1, 1, 1, 1, 1) * 2
    found = labels_from_query(fingerprint.matrices, clusters(*labels))
    assert found == (0, 1, 2, 2, 2, 2, 2) * 2


def test_shares_by_projection(fingerprint):
    """Of a projection's matrices in the cluster; 0 where it is missing."""
    inside = np.array([True] * 7 + [False, True] + [False] * 5)
    vector = cluster_vector(fingerprint.matrices, inside)
    assert (vector.query, vector.key, vector.value) == (0.5, 1.0, 0.5)
    assert cluster_vector(fingerprint.matrices[:1], inside[:1]) == (1, 0, 0, 0, 0, 0, 0)


def test_doubt_at_any_rank_counts(fingerprint):
    """None stands for what was not recorded."""
    one, other = fingerprint.clusterings
    doubtful = [replace(one, undetermined=(3, 5)), replace(other, undetermined=(5, 7))]
    assert doubtful_positions(doubtful) == {3, 5, 7}
    assert doubtful_positions([replace(one, undetermined=None)]) == set()


def test_only_coarse_spectra_can_be_refined(fingerprint):
    """Those with a bound above the finer tolerance; none without bounds."""
    matrix = fingerprint.matrices[0]
    largest = matrix.singular_values[0]
    assert is_coarse(replace(matrix, bounds=(1e-3 * largest,)))
    assert not is_coarse(replace(matrix, bounds=(1e-12 * largest,)))
    assert not is_coarse(replace(matrix, bounds=None))
