"""Moments and histogram of floats of 16 or 8 bits from one count of their bit patterns.

There are at most 65,536 different values: what is computed from these and their counts is exact but
for the rounding of float64.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from registry.numerics.arrays import BF16, F16, Values, as_array, dtype_named, float64, is_on_gpu
from registry.numerics.compiled.loading import loaded, remembered
from registry.numerics.histograms import histogram_of_counts
from registry.numerics.moments import Moments, in_storage_order
from registry.numerics.passes import Pass

COUNTED = (BF16, F16, dtype_named("float8_e4m3fn"), dtype_named("float8_e5m2"))
COUNTED_FROM = 1 << 21  # values: of fewer, two passes are as fast


class Described(NamedTuple):
    """Moments of the finite values, and their histogram."""

    moments: Moments
    histogram: np.ndarray


def described(matrix: Values) -> Described | None:
    """Return moments and histogram of a large matrix of narrow floats in the host's memory.

    None of any other.
    """
    if is_on_gpu(matrix):
        return None
    flat = as_array(in_storage_order(matrix))
    if flat.dtype not in COUNTED or len(flat) < COUNTED_FROM:
        return None
    count = compiled()
    if count is None:
        return None
    if flat.dtype.itemsize == 1:
        counts = counts_of_octets(flat.view(np.uint8), count)
    else:
        counts = count(flat.view(np.uint16))

    patterns = np.flatnonzero(counts)
    words = patterns.astype(f"u{flat.dtype.itemsize}")
    values = float64(words.view(flat.dtype))
    times = counts[patterns]
    return Described(moments_of_counts(values, times), histogram_of_counts(values, times))


def counts_of_octets(octets: np.ndarray, count: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the counts of every octet, two of which are counted at a time."""
    even = len(octets) // 2 * 2
    in_pairs = count(octets[:even].view(np.uint16)).reshape(1 << 8, 1 << 8)
    rest = np.bincount(octets[even:], minlength=1 << 8)
    counts: np.ndarray = in_pairs.sum(0) + in_pairs.sum(1) + rest
    return counts


@remembered
def compiled() -> Callable[[np.ndarray], np.ndarray] | None:
    """Return the kernel that counts every pattern; None without numba."""
    module = loaded("histograms")
    return module.counts_of_all if module else None


def moments_of_counts(every_value: np.ndarray, counts: np.ndarray) -> Moments:
    """Return the moments of so many of each of some values; NaN and infinities may be among them.

    The fourth powers of narrow floats fit into float64, all of them.
    """
    is_finite = np.isfinite(every_value)
    values, times = every_value[is_finite], counts[is_finite]
    nonfinite = int(counts.sum() - times.sum())
    if not len(values):
        return Moments(nonfinite=nonfinite)

    low, high = float(values.min()), float(values.max())
    mean = float(times @ values) / int(times.sum())
    pivot = min(max(mean, low), high)  # rounding may not put it beyond equal values
    centred = values - pivot
    square = centred * centred
    powers = (
        float(times @ centred),
        float(times @ square),
        float(times @ (square * centred)),
        float(times @ (square * square)),
    )
    return Moments.about_zero(
        Pass(int(times.sum()), powers, low + 0.0, high + 0.0, nonfinite, pivot)
    )
