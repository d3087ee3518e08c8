"""registry.lineage.matrix_pairs: how far a matrix moved, and by which rank."""

import numpy as np
import pytest

from registry.lineage.matrix_pairs import SketchPair, change_rank, mean_of_known, pooled_cosine


@pytest.mark.parametrize("rank", [1, 3, 7])
def test_the_rank_is_where_singular_values_fall(rank):
    """A sketch of a change of low rank has that rank; one of full rank its size."""
    draw = np.random.default_rng(rank)
    earlier = draw.standard_normal((18, 18))
    update = draw.standard_normal((18, rank)) @ draw.standard_normal((rank, 18))
    assert change_rank(earlier + update, earlier, 2e-3) == rank
    assert change_rank(earlier + draw.standard_normal((18, 18)), earlier, 2e-3) == 18
    assert change_rank(earlier, earlier, 2e-3) == 0


def test_rounding_is_of_no_rank():
    """Noise as large as rounding gives is taken for no change."""
    draw = np.random.default_rng(5)
    earlier = draw.standard_normal((18, 18))
    noise = draw.standard_normal((18, 18))
    noise *= 1.5e-3 * np.linalg.norm(earlier) / np.linalg.norm(noise)
    assert change_rank(earlier + noise, earlier, 2e-3) == 0


def test_pairs_are_pooled_by_their_lengths():
    """The cosine of all sketches is that of the products over that of the lengths."""
    one, other = np.eye(2), 3 * np.eye(2)
    opposite = SketchPair(one, -one)
    assert pooled_cosine([SketchPair(one, other)]) == pytest.approx(1)
    assert pooled_cosine([SketchPair(one, other), opposite]) == pytest.approx((6 - 2) / (6 + 2))
    assert pooled_cosine([SketchPair(0 * one, one)]) == 0


def test_what_is_unknown_takes_no_part_in_a_mean():
    """Shares of models stored before they were counted are None."""
    assert mean_of_known([0.2, None, 0.4]) == pytest.approx(0.3)
    assert mean_of_known([None]) == 0
