"""Tails of Student's t distribution: SciPy's numbers."""

import subprocess
import sys

import pytest
from scipy import stats

from registry.numerics.student import t_tail

FREEDOMS = [0.5, 1.0, 4.0, 5.5, 17.3, 100.0, 1e3, 1e5]


@pytest.mark.parametrize("freedom", FREEDOMS)
def test_tails_are_scipys(freedom: float) -> None:
    """From the middle to far out, to nine digits, also where one in 10^200 is as large."""
    for z in (0.0, 0.01, 0.5, 1.0, 1.7, 2.0, 3.0, 5.0, 8.0, 15.0, 30.0, 200.0):
        assert t_tail(z, freedom) == pytest.approx(stats.t.sf(z, freedom), rel=1e-9, abs=1e-290)


@pytest.mark.parametrize("freedom", FREEDOMS)
def test_the_other_side(freedom: float) -> None:
    """Of a negative z it is the rest."""
    for z in (0.3, 2.0, 9.0):
        assert t_tail(-z, freedom) == pytest.approx(stats.t.sf(-z, freedom), rel=1e-9)


def test_it_needs_no_scipy() -> None:
    """A comparison that asks for a p-value does not import SciPy."""
    code = "import sys; from registry.numerics.student import t_tail; t_tail(2.0, 5.5); sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
