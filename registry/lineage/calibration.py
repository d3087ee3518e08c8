"""Null distributions: how often unrelated models come as close, measured on many pairs of them."""

import bisect
import math
from dataclasses import dataclass
from functools import cache

from registry.data import load

SMALLEST = 1e-300  # a probability that a float still holds


@dataclass(frozen=True)
class NullDistribution:
    """The upper tail of one kind of evidence among `pairs` unrelated pairs (calibration.toml).

    Attributes:
        above: The share of pairs beyond `start`, the 95th or 99th percentile.
        scale: Beyond it, the share falls to 1/e over every such interval.
        strongest: The largest value that was seen.
    """

    pairs: int
    above: float
    start: float
    scale: float
    strongest: float

    def p_value(self, value: float) -> float:
        """Return the share of unrelated pairs beyond a value: above exp(-(value - start) / scale).

        Up to the start, shares are not resolved: the p-value is 1, so that it proves nothing.
        """
        if value <= self.start:
            return 1.0
        return max(SMALLEST, self.above * math.exp(-(value - self.start) / self.scale))


@cache
def null_distributions() -> dict[str, NullDistribution]:
    """Return the null of each kind of evidence, as calibration.toml has them."""
    distributions = {}
    for kind, numbers in load("registry.lineage", "calibration.toml").items():
        distributions[kind] = NullDistribution(**numbers)
    return distributions


def family_wise(p_value: float, candidates: int) -> float:
    """Return 1 - (1 - p)^n, that one of n unrelated candidates comes as close (Sidak).

    Computed by log1p and expm1, so that a p far below what 1 - p can hold is kept.
    """
    if p_value >= 1:
        return 1.0
    return -math.expm1(candidates * math.log1p(-p_value))


def unrelated_share(distance: float) -> float:
    """Return the share of unrelated pairs whose std vectors are at most so far apart.

    Interpolated between the rows of unrelated.toml, and never below the smallest share there; 1
    beyond the last row, the median.
    """
    rows = std_distance_quantiles()
    distances = [row_distance for _, row_distance in rows]
    i = bisect.bisect_right(distances, distance)
    if i == 0:
        return rows[0][0]
    if i == len(rows):
        return 1.0

    (share, lower), (next_share, upper) = rows[i - 1], rows[i]
    part = (distance - lower) / (upper - lower)
    return share + part * (next_share - share)


def unrelated_quantile(share: float) -> float:
    """Return the std-vector distance that this share of unrelated pairs is within."""
    return dict(std_distance_quantiles())[share]


@cache
def std_distance_quantiles() -> tuple[tuple[float, float], ...]:
    """Return the rows (share, distance) of unrelated.toml, rising."""
    rows = load("registry.lineage", "unrelated.toml")["quantiles"]
    return tuple((float(share), float(distance)) for share, distance in rows)
