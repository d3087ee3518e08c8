"""Which law a set of distances follows: power law, normal, or between (paper 2509.00046, 2.2).

The paper fits scipy.stats.genpareto and tells by eye what fits. Here five laws are fitted by maximum likelihood and the
one with the best score - log-likelihood less half the logarithm of the count for every parameter - decides:

    generalised Pareto with a shape above 0, from 0 or from the smallest distance on    power law
    normal                                                                              normal
    log-normal, exponential, generalised Pareto that ends                               between

A normal law is given half a logarithm more: a log-normal one with a spread of some percent is the same for the eye. A
law that begins at the smallest distance was given that by the data, which is worth two more units.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

POWER_LAW, BETWEEN, NORMAL = "power law", "between", "normal"
RESAMPLES = 200
WIDTH = 2.05  # standard errors on each side of an interval that holds the shape 95 % of the time
GRID, FEW = (
    49,
    13,
)  # points at which the best shape is looked for first, of heavy and of light tails
FAR, NEAR = 24.0, 8.0  # e-folds that these searches cover
LEAST_SHAPE = -1.0  # below, a generalised Pareto law has no maximum
SEED = 0


@dataclass(frozen=True)
class Pareto:
    """A generalised Pareto law. shape: xi of scipy's genpareto, the paper's alpha; a tail exponent is 1 / shape.

    likelihood: the log of the sample's, natural. start: how the maximum was found.
    """

    start: str
    shape: float
    location: float
    scale: float
    likelihood: float


@dataclass(frozen=True)
class Law:
    """What a sample follows.

    law: `power law`, `between` or `normal`. pareto: the best generalised Pareto law, and `interval`, which holds its
    shape 95 % of the time. ks: Kolmogorov-Smirnov distance from it. scores: of every law that was compared, per
    distance, less that of the best: 0 is the best.
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


def law_of(
    values: np.ndarray, resampled: Callable[[np.random.Generator], np.ndarray] | None = None
) -> Law:
    """The law of positive numbers. resampled: draws a sample like theirs, by default of the numbers one by one.

    Give it where numbers depend on each other, as distances do that share a vector.
    """
    unit = float(np.median(values))
    x = np.asarray(values, float) / unit
    scores = scored(x)
    best = max(scores, key=lambda name: scores[name])
    fitted = max(candidates(x), key=lambda each: each.likelihood)
    pareto = in_units(fitted, unit, len(x))
    spread = standard_error(np.asarray(values, float), fitted.location > 0, resampled)
    middle = np.log1p(fitted.shape)
    low, high = (float(np.expm1(middle + side * WIDTH * spread)) for side in (-1, 1))
    ks = stats.kstest(x, "genpareto", args=(fitted.shape, fitted.location, fitted.scale)).statistic
    laws = {name: (score - scores[best]) / len(x) for name, score in scores.items()}
    return Law(KINDS[best], len(x), float(np.mean(values)), pareto, (low, high), float(ks), laws)


def decided(values: np.ndarray) -> str:
    """The law alone, without an interval."""
    scores = scored(np.asarray(values, float) / np.median(values))
    return KINDS[max(scores, key=lambda name: scores[name])]


KINDS = {
    "power law": POWER_LAW,
    "normal": NORMAL,
    "log-normal": BETWEEN,
    "exponential": BETWEEN,
    "bounded": BETWEEN,
}


def scored(x: np.ndarray) -> dict[str, float]:
    """The score of every law: larger is better."""
    price = np.log(len(x)) / 2
    paretos = [
        (each, each.likelihood - (3 * price + 2 if each.location else 2 * price))
        for each in candidates(x)
    ]
    tails = [score for each, score in paretos if each.shape > 0]
    ends = [score for each, score in paretos if each.shape <= 0]
    logs, above, least = (
        np.log(x),
        x - x.min(),
        exponential_likelihood(x) - 2 * price,
    )  # a Pareto law of shape 0
    return {
        "power law": max(tails, default=least),
        "bounded": max(ends, default=least),
        "normal": normal_likelihood(x) - price,
        "log-normal": normal_likelihood(logs) - logs.sum() - 2 * price,
        "exponential": max(
            exponential_likelihood(x) - price, exponential_likelihood(above) - 2 * price - 2
        ),
    }


def normal_likelihood(x: np.ndarray) -> float:
    """The largest log-likelihood of a normal law."""
    return float(-len(x) / 2 * (np.log(2 * np.pi * max(x.var(), 1e-300)) + 1))


def exponential_likelihood(x: np.ndarray) -> float:
    """That of an exponential law that begins at 0."""
    return float(-len(x) * (np.log(max(x.mean(), 1e-300)) + 1))


def candidates(x: np.ndarray) -> tuple[Pareto, ...]:
    """The best generalised Pareto laws that begin at 0 and at the smallest number."""
    least = float(x.min())
    return best_from(x, 0.0, "location 0"), best_from(x, least, "location at the smallest")


def best_from(x: np.ndarray, location: float, start: str) -> Pareto:
    """The maximum of the likelihood for one location."""
    shape, scale = shape_and_scale(x - location)
    likelihood = float(stats.genpareto.logpdf(x, shape, location, scale).sum())
    return Pareto(start, shape, location, scale, likelihood)


def shape_and_scale(x: np.ndarray) -> tuple[float, float]:
    """The most likely shape and scale of non-negative numbers, from 0 on, by Grimshaw's profile likelihood.

    With t = shape / scale the shape is the mean of log(1 + t x), so that the likelihood depends on t alone. It is
    searched over log t, and over light tails, where t is between -1 / max(x) and 0.
    """
    unit = float(np.median(x)) or float(x.mean())
    sample, most = x / unit, float(x.max()) / unit
    heavy = searched(lambda t: profile(sample, np.exp(t)), np.linspace(-FAR, FAR, GRID))
    light = searched(
        lambda t: profile(sample, -np.exp(-np.exp(t)) / most), np.linspace(-NEAR, np.log(NEAR), FEW)
    )
    shape, scale, _ = max(
        (each for each in (heavy, light) if each[0] >= LEAST_SHAPE), key=lambda each: each[2]
    )
    return shape, scale * unit


def searched(
    at: Callable[[float], tuple[float, float, float]], grid: np.ndarray
) -> tuple[float, float, float]:
    """What `at` gives where its third number is largest: on a grid, then between the neighbours of the best."""
    best = int(np.argmax([at(t)[2] for t in grid]))
    ends = grid[max(0, best - 1)], grid[min(len(grid) - 1, best + 1)]
    found = optimize.minimize_scalar(lambda t: -at(t)[2], bounds=ends, method="bounded")
    return at(float(found.x))


def profile(x: np.ndarray, t: float) -> tuple[float, float, float]:
    """Shape, scale and mean log-likelihood for t = shape / scale."""
    shape = float(np.log1p(t * x).mean())
    scale = shape / t
    return shape, scale, -np.log(scale) - shape - 1


def standard_error(
    values: np.ndarray, shifted: bool, resampled: Callable[[np.random.Generator], np.ndarray] | None
) -> float:
    """Of log(1 + shape), over samples drawn anew. shifted: whether numbers count from the smallest."""
    draw = np.random.default_rng(SEED)
    take = resampled or (lambda random: random.choice(values, len(values)))
    least = values.min() if shifted else 0.0
    samples = [take(draw) - least for _ in range(RESAMPLES)]
    found = [shape_and_scale(sample[sample > 0])[0] for sample in samples if (sample > 0).sum() > 1]
    return float(np.std(np.log1p(np.maximum(found, LEAST_SHAPE + 0.01)), ddof=1))


def in_units(fitted: Pareto, unit: float, count: int) -> Pareto:
    """The law of numbers that were divided by `unit`."""
    likelihood = fitted.likelihood - count * float(np.log(unit))
    return Pareto(
        fitted.start, fitted.shape, fitted.location * unit, fitted.scale * unit, likelihood
    )


def scipy_fits(values: np.ndarray) -> tuple[Pareto, ...]:
    """What scipy.stats.genpareto.fit gives from several starts, the most likely first: it has several optima."""
    least = float(values.min())
    starts = {
        "scipy's own": ((), {}),
        "location 0": ((), {"floc": 0.0}),
        "location at the smallest": ((), {"floc": least * (1 - 1e-9)}),
        "shape 1 from 0": ((1.0,), {"loc": 0.0, "scale": float(np.median(values))}),
    }
    found = []
    for start, (given, options) in starts.items():
        shape, location, scale = stats.genpareto.fit(values, *given, **options)
        likelihood = float(stats.genpareto.logpdf(values, shape, location, scale).sum())
        found.append(Pareto(start, float(shape), float(location), float(scale), likelihood))
    return tuple(sorted(found, key=lambda each: -each.likelihood))
