"""registry.lineage.calibration: what chance gives."""

import math

import pytest

from registry.lineage.calibration import (
    NullDistribution,
    family_wise,
    null_distributions,
    std_distance_quantiles,
    unrelated_quantile,
    unrelated_share,
)

NULL = NullDistribution(pairs=100, above=0.05, start=2.0, scale=0.5, strongest=3.0)


def test_a_tail_falls_by_e_for_every_scale():
    """Below the start a number proves nothing."""
    assert NULL.p_value(2.0) == NULL.p_value(-10.0) == 1.0
    assert NULL.p_value(2.5) == pytest.approx(0.05 / math.e)
    assert NULL.p_value(1e6) == 1e-300


def test_every_kind_was_measured():
    """Each null stands on many pairs, and none of these came to what would name a base."""
    sketches = {"stream", "token", "own axes"}
    assert null_distributions().keys() == sketches | {"spectra", "start", "layer", "fit"}
    assert all(
        null.p_value(null.strongest) * null.pairs > 0.05 for null in null_distributions().values()
    )


@pytest.mark.parametrize(
    ("p_value", "candidates", "expected"), [(1.0, 5, 1.0), (0.0, 5, 0.0), (0.1, 2, 0.19)]
)
def test_among_many_one_agrees_sooner(p_value, candidates, expected):
    """1 - (1 - p)^n, also where p is far below what 1 - p holds."""
    assert family_wise(p_value, candidates) == pytest.approx(expected)
    assert family_wise(1e-30, 1000) == pytest.approx(1e-27)


def test_shares_rise_with_distance():
    """From the smallest that was seen to 1, through every measured row."""
    first, last = std_distance_quantiles()[0], std_distance_quantiles()[-1]
    assert unrelated_share(0.0) == first[0]
    assert unrelated_share(last[1]) == 1.0
    assert [unrelated_share(distance) for _, distance in std_distance_quantiles()[:-1]] == [
        share for share, _ in std_distance_quantiles()[:-1]
    ]


def test_the_fifth_percentile_is_a_row():
    """The distance that 5 % of unrelated pairs are within has that share."""
    assert unrelated_share(unrelated_quantile(0.05)) == 0.05
