"""Generalised Pareto laws, fitted by maximum likelihood.

Written for distances, many of which are small and few large: the likelihood is searched over the
whole range of shapes, where scipy.stats.genpareto.fit ends in whichever of several optima its start
leads to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

RESAMPLES = 200
SEED = 0
LEAST_SHAPE = -1.0  # below, a generalised Pareto law has no maximum

# Points at which the best shape is looked for first, and the e-folds that they cover.
HEAVY_POINTS, HEAVY_RANGE = 49, 24.0
LIGHT_POINTS, LIGHT_RANGE = 13, 8.0

Resample = Callable[[np.random.Generator], np.ndarray]
"""Draws a sample like the one that a law was fitted to."""


@dataclass(frozen=True)
class Pareto:
    """A generalised Pareto law.

    Attributes:
        start: how the maximum was found.
        shape: xi of scipy's genpareto, the paper's alpha; a tail exponent is 1 / shape.
        location: where the law begins.
        scale: in the sample's unit.
        likelihood: natural logarithm of the sample's likelihood.
    """

    start: str
    shape: float
    location: float
    scale: float
    likelihood: float


class Fit(NamedTuple):
    """A shape and a scale for numbers from 0 on, and the mean log-likelihood that they reach."""

    shape: float
    scale: float
    mean_likelihood: float


def pareto_candidates(x: np.ndarray) -> tuple[Pareto, Pareto]:
    """Return the best generalised Pareto laws that begin at 0 and at the smallest number.

    Args:
        x: non-negative numbers.
    """
    smallest = float(x.min())
    from_zero = pareto_from(x, 0.0, "location 0")
    from_smallest = pareto_from(x, smallest, "location at the smallest")
    return from_zero, from_smallest


def pareto_from(x: np.ndarray, location: float, start: str) -> Pareto:
    """Return the most likely law that begins at a location; `start` names how it was found."""
    shape, scale = shape_and_scale(x - location)
    log_densities = stats.genpareto.logpdf(x, shape, location, scale)
    likelihood = float(log_densities.sum())
    return Pareto(start, shape, location, scale, likelihood)


def shape_and_scale(x: np.ndarray) -> tuple[float, float]:
    """Return the most likely shape and scale of non-negative numbers, from 0 on.

    By Grimshaw's profile likelihood (Technometrics 35, 1993): with t = shape / scale the shape is
    the mean of log(1 + t x), so that the likelihood depends on t alone. It is searched over log t,
    and over light tails, where t is between -1 / max(x) and 0.
    """
    unit = float(np.median(x)) or float(x.mean())
    sample = x / unit
    largest = float(x.max()) / unit

    def heavy(log_t: float) -> Fit:
        return profile(sample, np.exp(log_t))

    def light(log_nearness: float) -> Fit:
        nearness = np.exp(log_nearness)
        return profile(sample, -np.exp(-nearness) / largest)

    heavy_points = np.linspace(-HEAVY_RANGE, HEAVY_RANGE, HEAVY_POINTS)
    light_points = np.linspace(-LIGHT_RANGE, np.log(LIGHT_RANGE), LIGHT_POINTS)
    fits = [best_fit(heavy, heavy_points), best_fit(light, light_points)]

    possible = [fit for fit in fits if fit.shape >= LEAST_SHAPE]
    best = max(possible, key=mean_likelihood)
    return best.shape, best.scale * unit


def mean_likelihood(fit: Fit) -> float:
    """Return the mean log-likelihood of a fit."""
    return fit.mean_likelihood


def best_fit(fit_at: Callable[[float], Fit], points: np.ndarray) -> Fit:
    """Return the most likely fit: over some points, then between the neighbours of the best."""
    likelihoods = [fit_at(point).mean_likelihood for point in points]
    best = int(np.argmax(likelihoods))
    before = max(0, best - 1)
    after = min(len(points) - 1, best + 1)
    low, high = points[before], points[after]

    def cost(point: float) -> float:
        return -fit_at(point).mean_likelihood

    optimum = optimize.minimize_scalar(cost, bounds=(low, high), method="bounded")
    return fit_at(float(optimum.x))


def profile(x: np.ndarray, t: float) -> Fit:
    """Return the most likely fit with t = shape / scale."""
    shape = float(np.log1p(t * x).mean())
    scale = shape / t
    return Fit(shape, scale, -np.log(scale) - shape - 1)


def standard_error(values: np.ndarray, resample: Resample | None, *, shifted: bool) -> float:
    """Return the standard error of log(1 + shape), over samples drawn anew.

    Args:
        values: Positive numbers.
        resample: Draws a sample like them, by default one by one.
        shifted: Whether numbers count from the smallest.
    """
    random = np.random.default_rng(SEED)
    smallest = values.min() if shifted else 0.0

    shapes = []
    for _ in range(RESAMPLES):
        drawn = random.choice(values, len(values)) if resample is None else resample(random)
        sample = drawn - smallest
        positive = sample[sample > 0]
        if len(positive) > 1:
            shape, _ = shape_and_scale(positive)
            shapes.append(shape)

    bounded = np.maximum(shapes, LEAST_SHAPE + 0.01)
    return float(np.std(np.log1p(bounded), ddof=1))


def scipy_fits(values: np.ndarray) -> tuple[Pareto, ...]:
    """Return what scipy.stats.genpareto.fit gives from several starts, the most likely first.

    It has several optima: the starts show how far they lie apart.
    """
    smallest = float(values.min())
    median = float(np.median(values))
    just_below = smallest * (1 - 1e-9)
    parameters = {
        "scipy's own": stats.genpareto.fit(values),
        "location 0": stats.genpareto.fit(values, floc=0.0),
        "location at the smallest": stats.genpareto.fit(values, floc=just_below),
        "shape 1 from 0": stats.genpareto.fit(values, 1.0, loc=0.0, scale=median),
    }
    fits = [scipy_fit(start, values, fitted) for start, fitted in parameters.items()]

    def least_likely_last(pareto: Pareto) -> float:
        return -pareto.likelihood

    return tuple(sorted(fits, key=least_likely_last))


def scipy_fit(start: str, values: np.ndarray, parameters: tuple[float, float, float]) -> Pareto:
    """Return scipy's shape, location and scale with the likelihood of the sample."""
    shape, location, scale = parameters
    log_densities = stats.genpareto.logpdf(values, shape, location, scale)
    likelihood = float(log_densities.sum())
    return Pareto(start, float(shape), float(location), float(scale), likelihood)
