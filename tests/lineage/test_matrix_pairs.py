"""registry.lineage.matrix_pairs: how far a matrix moved, and by which rank."""

import numpy as np
import pytest
from columns_made import matrix_columns

from registry.lineage.matrix_columns import SketchStack
from registry.lineage.matrix_pairs import MatrixPairs, SketchPairs, change_ranks, mean_of_known


def change_rank(later, earlier):
    """Return the rank of one change, where rounding gives two parts in a thousand."""
    pairs = SketchPairs(np.zeros(1, int), later.reshape(1, -1), earlier.reshape(1, -1))
    return change_ranks(pairs, 2e-3).item()


def columns(*sketches):
    """Return matrices that are known by their sketches."""
    count = len(sketches)
    stack = SketchStack(np.arange(count), np.array(sketches, float).reshape(count, -1))
    digests = np.array([str(sketch) for sketch in sketches], "S64")
    return matrix_columns(count, digests=digests, stacks=(stack,))


def pairs_of(later, earlier):
    """Return matrices side by side, given by their sketches."""
    every = np.arange(len(later))
    return MatrixPairs(columns(*later), columns(*earlier), 0 * every, every, every)


@pytest.mark.parametrize("rank", [1, 3, 7])
def test_the_rank_is_where_singular_values_fall(rank):
    """A sketch of a change of low rank has that rank; one of full rank its size."""
    draw = np.random.default_rng(rank)
    earlier = draw.standard_normal((18, 18))
    update = draw.standard_normal((18, rank)) @ draw.standard_normal((rank, 18))
    assert change_rank(earlier + update, earlier) == rank
    assert change_rank(earlier + draw.standard_normal((18, 18)), earlier) == 18
    assert change_rank(earlier, earlier) == 0


def test_rounding_is_of_no_rank():
    """Noise as large as rounding gives is taken for no change."""
    draw = np.random.default_rng(5)
    earlier = draw.standard_normal((18, 18))
    noise = draw.standard_normal((18, 18))
    noise *= 1.5e-3 * np.linalg.norm(earlier) / np.linalg.norm(noise)
    assert change_rank(earlier + noise, earlier) == 0


def test_pairs_are_pooled_by_their_lengths():
    """The cosine of all sketches is that of the products over that of the lengths."""
    one, other = np.eye(2), 3 * np.eye(2)
    pairs = pairs_of([one, one, 0 * one], [other, -one, one])
    assert pairs.cosine(np.array([True, False, False])) == pytest.approx(1)
    assert pairs.cosine(np.array([True, True, False])) == pytest.approx((6 - 2) / (6 + 2))
    assert pairs.cosine(np.array([False, False, True])) == 0


def test_a_matrix_moved_by_its_difference():
    """In parts of its length; not at all where the digests are equal."""
    one = np.eye(2)
    pairs = pairs_of([1.5 * one, one], [one, one])
    assert pairs.sizes.tolist() == [0.5, 0.0]
    assert pairs.same.tolist() == [False, True]
    assert pairs.changed_sizes(np.ones(2, bool)).tolist() == [0.5]


def test_what_is_unknown_takes_no_part_in_a_mean():
    """Shares of models stored before they were counted are None."""
    assert mean_of_known(np.array([0.2, np.nan, 0.4])) == pytest.approx(0.3)
    assert mean_of_known(np.array([np.nan])) == 0
