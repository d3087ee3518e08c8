"""Which law a set of distances follows: power law, normal, or between (paper 2509.00046, 2.2).

The paper fits scipy.stats.genpareto and tells by eye what fits. Here five laws are fitted by
maximum likelihood and the one with the best score - log-likelihood less half the logarithm of the
count for every parameter (BIC) - decides:

    generalised Pareto with a shape above 0, from 0 or from the smallest distance on    power law
    normal                                                                              normal
    log-normal, exponential, generalised Pareto that ends                               between

A normal law is given half a logarithm more: a log-normal one with a spread of some percent is the
same for the eye. A law that begins at the smallest distance was given that by the data, which is
worth two more units.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from registry.characteristic.pareto import (
    Pareto,
    Resample,
    pareto_candidates,
    standard_error,
)

POWER_LAW, BETWEEN, NORMAL = "power law", "between", "normal"
WIDTH = 2.05  # standard errors on each side of an interval that holds the shape 95 % of the time
TINIEST = 1e-300  # in place of a mean or variance of 0
GIVEN_BY_DATA = 2  # price of a law that begins at the smallest distance

KINDS = {
    "power law": POWER_LAW,
    "normal": NORMAL,
    "log-normal": BETWEEN,
    "exponential": BETWEEN,
    "bounded": BETWEEN,
}


@dataclass(frozen=True)
class Law:
    """What a sample follows.

    Attributes:
        law: `power law`, `between` or `normal`.
        count: size of the sample.
        mean: of the sample.
        pareto: the best generalised Pareto law.
        interval: holds the shape of that law 95 % of the time.
        ks: Kolmogorov-Smirnov distance of the sample from that law.
        scores: of every law that was compared, per distance, less that of the best: 0 is the best.
    """

    law: str
    count: int
    mean: float
    pareto: Pareto
    interval: tuple[float, float]
    ks: float
    scores: dict[str, float]

    @property
    def power_over_normal(self) -> float:
        """By how much the power law's score is above the normal law's, per distance."""
        return self.scores["power law"] - self.scores["normal"]


def law_of(values: np.ndarray, resample: Resample | None = None) -> Law:
    """Return the law of positive numbers.

    Args:
        resample: Draws a sample like theirs, by default of the numbers one by one. Give it where
            numbers depend on each other, as distances do that share a vector.
    """
    numbers = np.asarray(values, float)
    unit = float(np.median(values))
    x = numbers / unit
    scores = law_scores(x)
    best = best_law(scores)
    fitted = max(pareto_candidates(x), key=likelihood)

    shifted = fitted.location > 0
    error = standard_error(numbers, resample, shifted=shifted)
    parameters = (fitted.shape, fitted.location, fitted.scale)
    ks = stats.kstest(x, "genpareto", args=parameters).statistic

    behind_best = {}
    for name, score in scores.items():
        behind_best[name] = (score - scores[best]) / len(x)
    return Law(
        law=KINDS[best],
        count=len(x),
        mean=float(np.mean(values)),
        pareto=in_units(fitted, unit, len(x)),
        interval=shape_interval(fitted.shape, error),
        ks=float(ks),
        scores=behind_best,
    )


def decided(values: np.ndarray) -> str:
    """Return the law of positive numbers alone, without an interval."""
    scores = law_scores(np.asarray(values, float) / np.median(values))
    return KINDS[best_law(scores)]


def likelihood(pareto: Pareto) -> float:
    """Return the log-likelihood of a law."""
    return pareto.likelihood


def best_law(scores: dict[str, float]) -> str:
    """Return the name of the largest score; of several, the first."""
    return max(scores, key=scores.__getitem__)


def shape_interval(shape: float, error: float) -> tuple[float, float]:
    """Return the 95 % interval of a shape.

    Args:
        error: Standard error of log(1 + shape).
    """
    middle = np.log1p(shape)
    low = float(np.expm1(middle - WIDTH * error))
    high = float(np.expm1(middle + WIDTH * error))
    return low, high


def in_units(fitted: Pareto, unit: float, count: int) -> Pareto:
    """Return the law of `count` numbers that had been divided by `unit`."""
    return replace(
        fitted,
        location=fitted.location * unit,
        scale=fitted.scale * unit,
        likelihood=fitted.likelihood - count * float(np.log(unit)),
    )


def law_scores(x: np.ndarray) -> dict[str, float]:
    """Return the score of every law: larger is better.

    Args:
        x: Positive numbers.
    """
    price = np.log(len(x)) / 2  # of a parameter
    logs = np.log(x)

    # A Pareto law of shape 0 is exponential: the least that power law and bounded law reach.
    least = exponential_likelihood(x) - 2 * price
    heavy: list[float] = []
    light: list[float] = []
    for fit in pareto_candidates(x):
        scores = heavy if fit.shape > 0 else light
        scores.append(pareto_score(fit, price))
    heavy_score = max(heavy, default=least)
    light_score = max(light, default=least)

    from_zero = exponential_likelihood(x) - price
    above_smallest = x - x.min()
    from_smallest = exponential_likelihood(above_smallest) - 2 * price - GIVEN_BY_DATA
    log_normal = normal_likelihood(logs) - logs.sum()
    return {
        "power law": heavy_score,
        "bounded": light_score,
        "normal": normal_likelihood(x) - price,
        "log-normal": log_normal - 2 * price,
        "exponential": max(from_zero, from_smallest),
    }


def pareto_score(fitted: Pareto, price: float) -> float:
    """Return the score of a generalised Pareto law.

    Args:
        price: What a parameter costs.
    """
    if fitted.location:
        return fitted.likelihood - (3 * price + GIVEN_BY_DATA)
    return fitted.likelihood - 2 * price


def normal_likelihood(x: np.ndarray) -> float:
    """Return the largest log-likelihood of a normal law."""
    variance = max(x.var(), TINIEST)
    return float(-len(x) / 2 * (np.log(2 * np.pi * variance) + 1))


def exponential_likelihood(x: np.ndarray) -> float:
    """Return the largest log-likelihood of an exponential law that begins at 0."""
    mean = max(x.mean(), TINIEST)
    return float(-len(x) * (np.log(mean) + 1))
