"""Moments of weights: power sums of a tensor, held as exact integers, so that they add up alike in any order.

The power sums of a segment are taken about zero, or about its mean where that is far from zero, so that nothing
cancels. They are then exact integers about zero. Adding those is associative and commutative: neither the order of
tensors nor the number of threads changes a bit. Everything derived from them is rounded once, at the end.
"""

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, reduce

import torch

from registry.numerics.compiled.loading import loaded
from registry.numerics.passes import Pass, plain

SEGMENT = (
    1 << 24
)  # values: sums in float64 stay good to 1e-12, and their turning into integers costs nothing
GRID = 1074  # every float64 is a multiple of 2^-1074, and so is every value of a narrower type
FAR = 0.2  # mean^2 / (mean^2 + variance) from which powers are taken about the mean: about zero they would cancel
ORDINARY = 200  # binary exponents within which fourth powers fit into float64
POWERS = 4
ROOT = 64  # bits below the unit that an integer square root keeps


@dataclass(frozen=True)
class Moments:
    """Count, power sums, minimum and maximum of the finite values; NaN and infinities are counted.

    sums: the sums of the 1st to 4th powers, the k-th in units of 2^(-1074 k). What was not computed of a product of
    factors is missing (3rd and 4th power) or NaN (min, max), and so is whatever follows from it.
    """

    count: int = 0
    sums: tuple[int, ...] = (0, 0, 0, 0)
    min: float = math.inf
    max: float = -math.inf
    nonfinite: int = 0

    @classmethod
    def spread(cls, count: int, mean: float, std: float, nonfinite: int) -> "Moments":
        """Values of which no more is known than their mean and standard deviation."""
        m, s = exact(mean, 1), exact(std, 1)
        return cls(count, (count * m, count * (m * m + s * s)), math.nan, math.nan, nonfinite)

    @classmethod
    def about_zero(cls, found: Pass) -> "Moments":
        """The sums of a pass, moved from its pivot p to zero: x^k = ((x - p) + p)^k."""
        n, p = found.count, exact(found.pivot, 1)
        c1, c2, c3, c4 = (
            exact(value, k, found.exponent) for k, value in enumerate(found.powers, 1)
        )
        sums = (
            c1 + n * p,
            c2 + 2 * p * c1 + n * p**2,
            c3 + 3 * p * c2 + 3 * p**2 * c1 + n * p**3,
            c4 + 4 * p * c3 + 6 * p**2 * c2 + 4 * p**3 * c1 + n * p**4,
        )
        return cls(n, sums, found.min, found.max, found.nonfinite)

    def __add__(self, other: "Moments") -> "Moments":
        """The moments of both sets of values taken together, exactly; a power that one of them lacks is lost."""
        return Moments(
            self.count + other.count,
            tuple([a + b for a, b in zip(self.sums, other.sums, strict=False)]),
            math.nan if math.isnan(self.min + other.min) else min(self.min, other.min),
            math.nan if math.isnan(self.max + other.max) else max(self.max, other.max),
            self.nonfinite + other.nonfinite,
        )

    @property
    def mean(self) -> float:
        """Arithmetic mean; 0 of nothing."""
        return self.sums[0] / (self.count << GRID) if self.count else 0.0

    @property
    def variance(self) -> int:
        """n^2 times the population variance in units of 2^-2148; rounding in the sums may not make it negative."""
        return max(0, self.count * self.sums[1] - self.sums[0] ** 2)

    @property
    def std(self) -> float:
        """Population standard deviation."""
        return (
            math.isqrt(self.variance << 2 * ROOT) / (self.count << GRID + ROOT)
            if self.count
            else 0.0
        )

    @property
    def skewness(self) -> float:
        """Third standardised moment; 0 for constant values."""
        v = self.variance
        if not v or len(self.sums) < POWERS:
            return math.nan if v else 0.0
        n, (s1, s2, s3, _) = self.count, self.sums
        return ((n**2 * s3 - 3 * n * s1 * s2 + 2 * s1**3) << ROOT) / (v * math.isqrt(v << 2 * ROOT))

    @property
    def kurtosis(self) -> float:
        """Fourth standardised moment (3 for a normal distribution); 0 for constant values."""
        v = self.variance
        if not v or len(self.sums) < POWERS:
            return math.nan if v else 0.0
        n, (s1, s2, s3, s4) = self.count, self.sums
        return (n**3 * s4 - 4 * n**2 * s1 * s3 + 6 * n * s1**2 * s2 - 3 * s1**4) / v**2


def exact(value: float, power: int, exponent: int = 0) -> int:
    """A sum of powers of values that were multiplied by 2^exponent, in units of 2^(-GRID power) without that."""
    numerator, denominator = value.as_integer_ratio()
    shift = (GRID - exponent) * power - (denominator.bit_length() - 1)
    return numerator << shift if shift >= 0 else numerator >> -shift


def merge(parts: Iterable[Moments]) -> Moments:
    """The moments of all parts together: the same bits in any order and grouping."""
    return reduce(Moments.__add__, parts, Moments())


def moments(tensor: torch.Tensor, threads: int = 1) -> Moments:
    """Moments of every value of a tensor of any shape and floating type, read as it is stored, where it is stored.

    std is that of two passes in float64 to 1e-12, skewness and kurtosis of tensors from passes.COMPILED_FROM values are
    those to 1e-4 at worst and 1e-6 as a rule. The number of threads changes nothing but the time.
    """
    ordered = (
        tensor if tensor.is_contiguous() or tensor.dim() == 1 else tensor.mT
    )  # the order does not matter
    flat = ordered.detach().reshape(-1)
    segments = flat.split(SEGMENT) if flat.numel() else ()
    if threads == 1 or len(segments) == 1:
        return merge(map(of_segment, segments))
    with ThreadPoolExecutor(threads) as pool:
        return merge(pool.map(of_segment, segments))


def of_segment(values: torch.Tensor) -> Moments:
    """One pass about zero; one more where powers would overflow, or where the mean is far from zero."""
    found = one_pass(values)
    if found.min == found.max:  # about that value all powers are 0
        return Moments.about_zero(replace(found, powers=(0.0, 0.0, 0.0, 0.0), pivot=found.min))
    if exponent := scale(max(abs(found.min), abs(found.max))):
        found = one_pass(values, exponent=exponent)
    s1, s2, *_ = found.powers
    if s1 * s1 > FAR * found.count * s2:
        found = one_pass(values, math.ldexp(s1 / found.count, -exponent), exponent)
    return Moments.about_zero(found)


def scale(largest: float) -> int:
    """The exponent of the power of two that brings values to 1; 0 where their fourth powers fit into float64."""
    exponent = math.frexp(largest)[1]
    return -exponent if abs(exponent) > ORDINARY and 0 < largest < math.inf else 0


COMPILED_FROM = (
    1 << 20
)  # values: a smaller tensor takes three milliseconds at most without the kernels


Kernel = Callable[[torch.Tensor, float], Pass | None]


def one_pass(values: torch.Tensor, pivot: float = 0.0, exponent: int = 0) -> Pass:
    """Power sums of a flat tensor of any floating type, about a pivot and scaled by a power of two."""
    ordinary = values.device.type == "cpu" and values.numel() >= COMPILED_FROM and not exponent
    kernel = compiled() if ordinary else None
    found = kernel(values, pivot) if kernel else None
    return found or plain(values, pivot, exponent)


@cache
def compiled() -> Kernel | None:
    """The compiled pass, where numba can be loaded."""
    module = loaded("passes")  # numba takes half a second to import
    return module.compiled_pass if module else None
