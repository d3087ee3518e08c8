"""Moments of weights: one pass per tensor, in chunks, each chunk in float64; mergeable.

Central moments per chunk are merged with the formulas of Chan et al. and Pébay (2008), which lose nothing when the
mean is far from zero, as raw power sums would.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch

CHUNK = 1 << 15  # elements: a float64 chunk and its square stay in the second-level cache


@dataclass(frozen=True)
class Moments:
    """Count, mean and the sums of centred 2nd to 4th powers of the finite values; NaN and infinities are counted.

    What was not computed (m3, m4, min, max of a product of factors) is NaN, and whatever follows from it.
    """

    count: int = 0
    mean: float = 0.0
    m2: float = 0.0
    m3: float = 0.0
    m4: float = 0.0
    min: float = math.inf
    max: float = -math.inf
    nonfinite: int = 0

    def __add__(self, other: "Moments") -> "Moments":
        """The moments of both sets of values taken together (Pébay 2008, eqs. 1.3-1.6)."""
        nonfinite = self.nonfinite + other.nonfinite
        if not self.count or not other.count:
            kept = self if self.count else other
            return Moments(kept.count, kept.mean, kept.m2, kept.m3, kept.m4, kept.min, kept.max, nonfinite)
        a, b, n = self.count, other.count, self.count + other.count
        d = other.mean - self.mean
        return Moments(
            n,
            self.mean + d * b / n,
            self.m2 + other.m2 + d**2 * a * b / n,
            self.m3 + other.m3 + d**3 * a * b * (a - b) / n**2 + 3 * d * (a * other.m2 - b * self.m2) / n,
            self.m4
            + other.m4
            + d**4 * a * b * (a * a - a * b + b * b) / n**3
            + 6 * d**2 * (a * a * other.m2 + b * b * self.m2) / n**2
            + 4 * d * (a * other.m3 - b * self.m3) / n,
            min(self.min, other.min),
            max(self.max, other.max),
            nonfinite,
        )

    @property
    def std(self) -> float:
        """Population standard deviation."""
        return math.sqrt(self.m2 / self.count) if self.count else 0.0

    @property
    def skewness(self) -> float:
        """Third standardised moment; 0 for constant values."""
        return math.sqrt(self.count) * self.m3 / self.m2**1.5 if self.m2 else 0.0

    @property
    def kurtosis(self) -> float:
        """Fourth standardised moment (3 for a normal distribution); 0 for constant values."""
        return self.count * self.m4 / self.m2**2 if self.m2 else 0.0


def merge(parts: Iterable[Moments]) -> Moments:
    """The moments of all parts together."""
    return reduce(Moments.__add__, parts, Moments())


def moments(tensor: torch.Tensor) -> Moments:
    """Moments of every value of a tensor of any shape and floating type; at most CHUNK values are held as float64."""
    flat = (tensor if tensor.is_contiguous() else tensor.T).reshape(-1)  # the order of values does not matter
    return merge(of_chunk(chunk) for chunk in flat.split(CHUNK))


def of_chunk(chunk: torch.Tensor) -> Moments:
    """Mean first, then the centred powers: two passes over values that fit into the cache."""
    stored = chunk.to(torch.float64).numpy()
    finite = np.isfinite(stored)
    x = stored if finite.all() else stored[finite]
    if not x.size:
        return Moments(nonfinite=stored.size)
    low, high, mean = float(x.min()), float(x.max()), float(x.mean())
    c = x - mean
    c2 = c * c
    # einsum, not @: on vectors this short BLAS would only wake its threads
    powers = float(c2.sum()), float(np.einsum("i,i", c2, c)), float(np.einsum("i,i", c2, c2))
    return Moments(x.size, mean, *powers, low, high, stored.size - x.size)
