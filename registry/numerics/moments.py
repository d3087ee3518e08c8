"""Moments of weights: power sums of a tensor as exact integers, which add up in any order.

The power sums of a segment are taken about zero, or about its mean where that is far from zero, so
that nothing cancels. They are then exact integers about zero. Adding those is associative and
commutative: neither the order of tensors nor the number of threads changes a bit. Everything
derived from them is rounded once, at the end.
"""

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from registry.numerics.arrays import Values, as_array, contiguous, is_on_gpu
from registry.numerics.compiled.loading import loaded, remembered
from registry.numerics.passes import Pass, plain

# Values of a segment: sums in float64 stay good to 1e-12, and making them integers costs nothing.
SEGMENT = 1 << 24
COMPILED_FROM = 1 << 20  # values: a smaller tensor takes three milliseconds at most without kernels
UNIT_BITS = 1074  # every float64, and every value of a narrower type, is a multiple of 2^-1074
FAR = 0.2  # mean^2 / (mean^2 + variance) from which powers about zero would cancel
ORDINARY = 200  # binary exponents within which fourth powers fit into float64
POWERS = 4
ROOT_BITS = 64  # below the unit, that an integer square root keeps

Kernel = Callable[[np.ndarray, float], Pass | None]


@dataclass(frozen=True)
class Moments:
    """Count, power sums, minimum and maximum of the finite values; NaN and infinities are counted.

    Attributes:
        sums: The sums of the 1st to 4th powers, the k-th in units of 2^(-1074 k).

    What was not computed of a product of factors is missing (3rd and 4th power) or NaN (min, max),
    and so is whatever follows from it.
    """

    count: int = 0
    sums: tuple[int, ...] = (0, 0, 0, 0)
    min: float = math.inf
    max: float = -math.inf
    nonfinite: int = 0

    @classmethod
    def spread(cls, count: int, mean: float, std: float, nonfinite: int) -> "Moments":
        """Return values of which no more is known than their mean and standard deviation."""
        m = exact_integer(mean, 1)
        s = exact_integer(std, 1)
        sums = (count * m, count * (m * m + s * s))
        return cls(count, sums, math.nan, math.nan, nonfinite)

    @classmethod
    def about_zero(cls, one_pass: Pass) -> "Moments":
        """Return the sums of a pass, moved from its pivot p to zero: x^k = ((x - p) + p)^k."""
        n = one_pass.count
        p = exact_integer(one_pass.pivot, 1)
        integers = []
        for k, power_sum in enumerate(one_pass.powers, 1):
            integers.append(exact_integer(power_sum, k, one_pass.exponent))
        c1, c2, c3, c4 = integers

        s1 = c1 + n * p
        s2 = c2 + 2 * p * c1 + n * p**2
        s3 = c3 + 3 * p * c2 + 3 * p**2 * c1 + n * p**3
        s4 = c4 + 4 * p * c3 + 6 * p**2 * c2 + 4 * p**3 * c1 + n * p**4
        return cls(n, (s1, s2, s3, s4), one_pass.min, one_pass.max, one_pass.nonfinite)

    def __add__(self, other: "Moments") -> "Moments":
        """Return the moments of both sets of values together, exactly.

        A power that one of them lacks is lost.
        """
        known = zip(self.sums, other.sums, strict=False)
        return Moments(
            count=self.count + other.count,
            sums=tuple([a + b for a, b in known]),
            min=math.nan if math.isnan(self.min + other.min) else min(self.min, other.min),
            max=math.nan if math.isnan(self.max + other.max) else max(self.max, other.max),
            nonfinite=self.nonfinite + other.nonfinite,
        )

    @property
    def mean(self) -> float:
        """Arithmetic mean; 0 of nothing."""
        if not self.count:
            return 0.0
        return self.sums[0] / (self.count << UNIT_BITS)

    @property
    def variance(self) -> int:
        """n^2 times the population variance in units of 2^-2148.

        Rounding in the sums may not make it negative.
        """
        return max(0, self.count * self.sums[1] - self.sums[0] ** 2)

    @property
    def std(self) -> float:
        """Population standard deviation; 0 of nothing."""
        if not self.count:
            return 0.0
        root = math.isqrt(self.variance << 2 * ROOT_BITS)
        return root / (self.count << UNIT_BITS + ROOT_BITS)

    @property
    def skewness(self) -> float:
        """Third standardised moment; 0 for constant values."""
        v = self.variance
        if not v:
            return 0.0
        if len(self.sums) < POWERS:
            return math.nan
        n = self.count
        s1, s2, s3, _ = self.sums
        third = n**2 * s3 - 3 * n * s1 * s2 + 2 * s1**3
        root = math.isqrt(v << 2 * ROOT_BITS)
        return (third << ROOT_BITS) / (v * root)

    @property
    def kurtosis(self) -> float:
        """Fourth standardised moment (3 for a normal distribution); 0 for constant values."""
        v = self.variance
        if not v:
            return 0.0
        if len(self.sums) < POWERS:
            return math.nan
        n = self.count
        s1, s2, s3, s4 = self.sums
        fourth = n**3 * s4 - 4 * n**2 * s1 * s3 + 6 * n * s1**2 * s2 - 3 * s1**4
        return fourth / v**2


def exact_integer(value: float, power: int, exponent: int = 0) -> int:
    """Return a sum of powers in units of 2^(-UNIT_BITS power), as an integer.

    Args:
        exponent: The values were multiplied by 2^exponent, which is taken back.
    """
    numerator, denominator = value.as_integer_ratio()
    shift = (UNIT_BITS - exponent) * power - (denominator.bit_length() - 1)
    return numerator << shift if shift >= 0 else numerator >> -shift


def merge(parts: Iterable[Moments]) -> Moments:
    """Return the moments of all parts together: the same bits in any order and grouping."""
    return reduce(Moments.__add__, parts, Moments())


def moments(values: Values, threads: int = 1) -> Moments:
    """Return the moments of every value of a tensor of any shape and floating type.

    It is read as it is stored, where it is stored. std is that of two passes in float64 to 1e-12,
    skewness and kurtosis of tensors from COMPILED_FROM values are those to 1e-4 at worst and 1e-6
    as a rule. The number of threads changes nothing but the time.
    """
    flat = in_storage_order(values)
    starts = range(0, len(flat), SEGMENT)
    segments = [flat[start : start + SEGMENT] for start in starts]
    if threads == 1 or len(segments) == 1:
        return merge(map(segment_moments, segments))
    with ThreadPoolExecutor(threads) as pool:
        return merge(pool.map(segment_moments, segments))


def in_storage_order(values: Values) -> Values:
    """Return all values in one row, in the order of memory where it has no gaps.

    Their order does not matter, and that of memory needs no copy.
    """
    if is_on_gpu(values):
        from registry.numerics import on_gpu  # noqa: PLC0415  # it takes torch

        return on_gpu.in_storage_order(values)
    array = as_array(values)
    if array.flags.f_contiguous:
        return array.T.reshape(-1)
    return contiguous(array).reshape(-1)


def segment_moments(values: Values) -> Moments:
    """Return the moments of one flat segment.

    One pass about zero; one more where powers would overflow, or where the mean is far from zero.
    """
    result = one_pass(values)
    if result.min == result.max:  # about that value all powers are 0
        constant = replace(result, powers=(0.0, 0.0, 0.0, 0.0), pivot=result.min)
        return Moments.about_zero(constant)

    exponent = scaling_exponent(max(abs(result.min), abs(result.max)))
    if exponent:
        result = one_pass(values, exponent=exponent)
    s1, s2, _, _ = result.powers
    if s1 * s1 > FAR * result.count * s2:
        mean = math.ldexp(s1 / result.count, -exponent)
        result = one_pass(values, mean, exponent)
    return Moments.about_zero(result)


def scaling_exponent(largest: float) -> int:
    """Return the exponent of the power of two that brings values to 1.

    0 where their fourth powers fit into float64 as they are.
    """
    exponent = math.frexp(largest)[1]
    if abs(exponent) > ORDINARY and 0 < largest < math.inf:
        return -exponent
    return 0


def one_pass(values: Values, pivot: float = 0.0, exponent: int = 0) -> Pass:
    """Return the power sums of a flat tensor, about a pivot and scaled by 2^exponent."""
    if is_on_gpu(values):
        from registry.numerics import on_gpu  # noqa: PLC0415  # it takes torch

        return on_gpu.pass_over(values, pivot, exponent)
    array = as_array(values)
    kernel = compiled() if len(array) >= COMPILED_FROM and not exponent else None
    result = kernel(array, pivot) if kernel else None
    return result or plain(array, pivot, exponent)


@remembered
def compiled() -> Kernel | None:
    """Return the compiled pass; None where numba cannot be loaded.

    numba takes half a second to import, so that only a large tensor waits for it.
    """
    module = loaded("passes")
    return module.compiled_pass if module else None
