"""registry.lineage.vector_distances: cosine distances and log ratios of the papers' vectors."""

import math

import numpy as np
import pytest

from registry.lineage.vector_distances import (
    NOTHING_IN_COMMON,
    cosine_distance,
    cosine_distance_over,
    log_ratio_distance,
    std_distance_over_common,
)


def test_a_small_distance_keeps_its_digits():
    """Unit vectors 1e-9 apart are 5e-19 apart by cosine, where 1 - cos gives 0 or rounding."""
    one = (1.0, 0.0)
    other = (math.cos(1e-9), math.sin(1e-9))
    assert cosine_distance(one, other) == pytest.approx(5e-19)
    assert cosine_distance((1.0, 0.0), (0.0, 1.0)) == 1.0


def test_missing_projections_are_left_out():
    """A std of 0 takes no part: the rest of two vectors that are proportional there are at 0."""
    one = (1.0, 2.0, 0.0, 4.0)
    other = (2.0, 4.0, 7.0, 8.0)
    assert std_distance_over_common(one, other) == pytest.approx(0.0, abs=1e-15)


def test_one_common_projection_is_not_enough():
    """Every cosine of one number is 1: the distance is NaN."""
    assert math.isnan(std_distance_over_common((1.0, 0.0), (2.0, 3.0)))


def test_a_vector_of_zeros_is_at_distance_one():
    """A clustering vector without any share in common entries has no direction."""
    assert cosine_distance_over((0.0, 0.0, 1.0), (1.0, 1.0, 0.0), [0, 1]) == 1.0


def test_a_common_factor_counts_half():
    """Weights that are all larger by one factor are half its log apart."""
    std = np.array([0.01, 0.02, 0.03])
    assert log_ratio_distance(3 * std, std) == pytest.approx(math.log(3) / 2)
    assert log_ratio_distance(std, std) == 0.0


def test_nothing_in_common_is_far():
    """Without a projection in common two std vectors are at the constant distance."""
    assert log_ratio_distance((1.0, 0.0), (0.0, 1.0)) == NOTHING_IN_COMMON
