"""Moments and histogram of 16-bit floats from one count of their bit patterns, in one pass.

There are at most 65,536 different values: what is computed from these and their counts is exact but
for the rounding of float64.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from registry.numerics.arrays import BF16, F16, Values, as_array, float64, is_on_gpu
from registry.numerics.compiled.loading import loaded, remembered
from registry.numerics.histograms import histogram_of_counts
from registry.numerics.moments import Moments, in_storage_order
from registry.numerics.passes import Pass

COUNTED_FROM = 1 << 21  # values: of fewer, two passes are as fast


class Described(NamedTuple):
    """Moments of the finite values, and their histogram."""

    moments: Moments
    histogram: np.ndarray


def described(matrix: Values) -> Described | None:
    """Return moments and histogram of a large matrix of 16-bit floats in the host's memory.

    None of any other.
    """
    if is_on_gpu(matrix):
        return None
    flat = as_array(in_storage_order(matrix))
    if flat.dtype not in (BF16, F16) or len(flat) < COUNTED_FROM:
        return None
    count = compiled()
    if count is None:
        return None
    counts = count(flat.view(np.uint16))
    moments = moments_of_counts(counts, flat.dtype)
    return Described(moments, histogram_of_counts(counts, flat.dtype))


@remembered
def compiled() -> Callable[[np.ndarray], np.ndarray] | None:
    """Return the kernel that counts every pattern; None without numba."""
    module = loaded("histograms")
    return module.counts_of_all if module else None


def moments_of_counts(counts: np.ndarray, dtype: np.dtype) -> Moments:
    """Return the moments of values of which so many have each pattern of 16 bits.

    Their fourth powers fit into float64, all of them.
    """
    patterns = np.flatnonzero(counts)
    every_value = float64(patterns.astype(np.uint16).view(dtype))
    is_finite = np.isfinite(every_value)
    values, times = every_value[is_finite], counts[patterns[is_finite]]
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
