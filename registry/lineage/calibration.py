"""What chance gives: how often independent models come as close, as measured on many pairs of them."""

import bisect
import math
from dataclasses import dataclass
from functools import cache

from registry.data import load

LEAST = 1e-300  # a probability that a float still holds


@dataclass(frozen=True)
class Null:
    """The upper tail of one kind of evidence among independent pairs; see calibration.toml."""

    pairs: int
    above: float
    start: float
    scale: float
    strongest: float

    def p_value(self, value: float) -> float:
        """The share of independent pairs that come to as much or more: measured to `start`, then an exponential tail.

        Below the start the share is not told apart: 1 is said, so that it proves nothing.
        """
        if value <= self.start:
            return 1.0
        return max(LEAST, self.above * math.exp(-(value - self.start) / self.scale))


@cache
def nulls() -> dict[str, Null]:
    """By kind of evidence."""
    content = load("registry.lineage", "calibration.toml")
    return {kind: Null(**numbers) for kind, numbers in content.items()}


def among(p_value: float, candidates: int) -> float:
    """The chance that at least one of so many independent models comes as close."""
    return -math.expm1(candidates * math.log1p(-p_value)) if p_value < 1 else 1.0


def stranger_share(distance: float) -> float:
    """Share of pairs of unrelated models whose std vectors are as close, interpolated; never below what was seen."""
    shares, distances = zip(*quantiles(), strict=True)
    i = bisect.bisect_right(distances, distance)
    if i == 0:
        return float(shares[0])
    if i == len(distances):
        return 1.0
    part = (distance - distances[i - 1]) / (distances[i] - distances[i - 1])
    return float(shares[i - 1] + part * (shares[i] - shares[i - 1]))


@cache
def quantiles() -> tuple[tuple[float, float], ...]:
    """Rows (share, distance) of strangers.toml, rising."""
    content = load("registry.lineage", "strangers.toml")
    return tuple((share, distance) for share, distance in content["quantiles"])
