"""Histograms of weights whose bins depend on the value alone, so that they add up in any order.

A bin is a sign, a power of two and an eighth of the way to the next: what the first twelve bits of
a float32 say. So bins are narrow where weights are dense. Powers from 2^-24 to 2^7 have bins of
their own; smaller values count as zero, larger ones as the largest, NaN and infinities not at all.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from registry.numerics.arrays import (
    BF16,
    F16,
    F32,
    Values,
    as_array,
    dtype_named,
    float32,
    is_on_gpu,
)
from registry.numerics.compiled.loading import loaded, remembered
from registry.numerics.moments import in_storage_order

LOW, HIGH = -24, 7  # powers of two that have bins of their own
PARTS = 8  # bins between two powers
SIDE = PARTS * (HIGH - LOW + 1)  # bins on one side of zero
BINS = 2 * SIDE + 1
KEYS = 1 << 12  # first bits of a float32: sign, exponent, three of the fraction
KEY_SHIFT = 20  # bits of a float32 behind its key
EXPONENT_BIAS = 127  # of float32
NONFINITE_EXPONENT = 128  # which NaN and infinities have
# The first bits of a value that the kernel counts. Of bfloat16 these are the key itself, of float16
# all: its small numbers have no exponent of their own.
PATTERN_BITS = {BF16: 12, F16: 16, F32: 12}
COUNTED_FROM = 1 << 16  # values: of fewer, numpy is as fast as the kernel
CHUNK = 1 << 18  # values that numpy converts to keys at a time


def histogram(matrix: Values) -> np.ndarray:
    """Return BINS counts, int64, of the finite values of a matrix, the most negative bin first.

    Args:
        matrix: Of any floating type, on any device.
    """
    flat = in_storage_order(matrix)
    if is_on_gpu(flat):
        from registry.numerics import on_gpu  # noqa: PLC0415  # it takes torch

        return summed(on_gpu.counts_of_keys(flat, KEY_SHIFT, KEYS), places_of(F32.name))

    array = as_array(flat)
    kernel = compiled() if len(array) >= COUNTED_FROM else None
    if kernel and array.dtype in PATTERN_BITS:
        bits = PATTERN_BITS[array.dtype]
        counts = kernel(array.view(f"u{array.itemsize}"), bits)
        return summed(counts, places_of(array.dtype.name))

    counts = np.zeros(KEYS, np.int64)
    for start in range(0, len(array), CHUNK):
        counts = counts + key_counts(array[start : start + CHUNK])
    return summed(counts, places_of(F32.name))


def histogram_of_counts(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the histogram of so many of each of some values that float32 holds exactly."""
    keys = float32(values).view(np.uint32) >> KEY_SHIFT
    return summed(np.bincount(keys, counts, KEYS), places_of(F32.name))


@remembered
def compiled() -> Callable[[np.ndarray, int], np.ndarray] | None:
    """Return the kernel that counts the first bits of words; None without numba.

    numba takes half a second to import, so that only a large matrix waits for it.
    """
    module = loaded("histograms")
    return module.pattern_counts if module else None


def key_counts(chunk: np.ndarray) -> np.ndarray:
    """Return how many values have each key, the first twelve bits of a float32."""
    keys = float32(chunk).view(np.uint32) >> KEY_SHIFT
    return np.bincount(keys, minlength=KEYS)


def summed(counts: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return counts by bin, from counts of patterns whose bins are given."""
    return np.bincount(places, counts, BINS + 1)[:BINS].astype(np.int64)


@cache
def places_of(name: str) -> np.ndarray:
    """Return the bin of every pattern that is counted of a type; BINS for NaN and infinities."""
    dtype = dtype_named(name)
    patterns = np.arange(1 << PATTERN_BITS[dtype])
    words: np.ndarray = patterns.astype(np.uint32) << KEY_SHIFT
    if dtype == F16:
        words = float32(patterns.astype(np.uint16).view(dtype)).view(np.uint32)
    exponents = (words >> 23 & 0xFF).astype(int) - EXPONENT_BIAS
    eighths = (words >> KEY_SHIFT & 7).astype(int)
    negative = words >> 31 == 1

    upward = (exponents - LOW) * PARTS + eighths
    distance = np.minimum(upward, SIDE - 1) + 1  # in bins from zero
    distance = np.where(exponents < LOW, 0, distance)
    bins = SIDE + np.where(negative, -distance, distance)
    return np.where(exponents < NONFINITE_EXPONENT, bins, BINS)


def edges() -> np.ndarray:
    """Return the BINS + 1 borders of the bins, rising."""
    powers = 2.0 ** np.arange(LOW, HIGH + 1)
    fractions = 1 + np.arange(PARTS) / PARTS
    lower_borders = powers[:, None] * fractions
    side = np.append(lower_borders.ravel(), 2.0 ** (HIGH + 1))
    return np.concatenate([-side[::-1], side])
