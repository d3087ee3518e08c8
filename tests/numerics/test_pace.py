"""registry.numerics.pace: when to look whether a Krylov space has become large enough."""

import numpy as np
import pytest

from registry.numerics.pace import MOST, SETTLED, Look, Pace, change_per_vector


def test_the_change_of_the_value_that_moves_most():
    """Relative to the value itself, over the vectors that came in between."""
    before, now = Look(10, np.array([1.0, 4.0])), Look(20, np.array([2.0, 5.0]))
    assert change_per_vector(before, now) == pytest.approx(0.05)


def test_nothing_is_settled_at_the_first_look():
    """One look has nothing to compare with; the next is due a fifth later."""
    pace = Pace(40)
    assert pace.due == 40
    assert not pace.settled(40, np.array([1.0]))
    assert pace.due == 48


def test_values_that_stay_are_settled():
    """A change below the threshold with every vector ends the search."""
    pace = Pace(40)
    pace.settled(40, np.array([1.0]))
    assert pace.settled(48, np.array([1.0 + 4 * SETTLED]))
    assert pace.due == 52


def test_looks_come_closer_as_values_settle():
    """Once two changes are known, the next look comes when the rate says so, within limits."""
    pace = Pace(100)
    sizes, errors = (100, 110, 120), (1e-1, 1e-3, 1e-5)
    for size, error in zip(sizes, errors, strict=True):
        assert not pace.settled(size, np.array([1.0 - error]))
    assert 120 < pace.due <= 120 + min(120 // 8, MOST)


def test_values_that_move_faster_and_faster():
    """Where changes grow there is no rate to go by, and the wait is that of the beginning."""
    pace = Pace(100)
    for size, value in ((100, 1.0), (110, 1.1), (120, 2.0)):
        pace.settled(size, np.array([value]))
    assert pace.due == 120 + 120 // 5
