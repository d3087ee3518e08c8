"""registry.characteristic.laws: which law a sample follows."""

import numpy as np
import pytest
from scipy import stats

from registry.characteristic.laws import decided

SAMPLE, REPEATS = 500, 60

LAWS = {
    "pareto 0.5": (
        "power law",
        lambda draw: stats.genpareto.rvs(0.5, size=SAMPLE, random_state=draw),
    ),
    "pareto 1.5": (
        "power law",
        lambda draw: 1e-4 * stats.genpareto.rvs(1.5, size=SAMPLE, random_state=draw),
    ),
    "pareto 2.9": (
        "power law",
        lambda draw: stats.genpareto.rvs(2.9, size=SAMPLE, random_state=draw),
    ),
    "pareto from 0.5": (
        "power law",
        lambda draw: 0.5 + stats.genpareto.rvs(1, size=SAMPLE, random_state=draw),
    ),
    "log-normal 0.3": ("between", lambda draw: draw.lognormal(sigma=0.3, size=SAMPLE)),
    "log-normal 1": ("between", lambda draw: draw.lognormal(sigma=1, size=SAMPLE)),
    "exponential": ("between", lambda draw: draw.exponential(size=SAMPLE)),
    "gamma": ("between", lambda draw: draw.gamma(3, size=SAMPLE)),
    "normal": ("normal", lambda draw: draw.normal(1, 0.1, size=SAMPLE)),
    "wide normal": ("normal", lambda draw: np.abs(draw.normal(1, 0.3, size=SAMPLE))),
}


@pytest.mark.parametrize("name", LAWS)
def test_the_rule_is_right(name):
    """On 95 % of samples of 500."""
    law, sample = LAWS[name]
    draw = np.random.default_rng(11)
    assert np.mean([decided(sample(draw)) == law for _ in range(REPEATS)]) >= 0.95
