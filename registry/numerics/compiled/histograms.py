"""Compiled counting of bit patterns, with numba: about as fast as memory is read."""

from functools import cache
from typing import Any

import numpy as np

from registry.numerics.compiled.jit import compiled

LANES = 4  # tables, so that equal neighbours do not wait for each other
NARROW_PATTERNS = 1 << 16
WIDE_PATTERNS = 1 << 12


def pattern_counts(words: np.ndarray) -> np.ndarray:
    """Return the counts, int64, of all patterns of 16 bits, or of the first 12 bits of 32.

    Args:
        words: uint16 or uint32.
    """
    narrow = words.dtype == np.uint16
    counts = np.zeros((LANES, NARROW_PATTERNS if narrow else WIDE_PATTERNS), np.uint32)
    count = narrow_kernel() if narrow else wide_kernel()
    count(words, counts)
    return np.asarray(counts.sum(0, dtype=np.int64))


@cache
def narrow_kernel() -> Any:
    """Return the loop over words of 16 bits. Raises NumbaError."""
    return compiled(count_narrow, "(u2[::1], u4[:, ::1])")


@cache
def wide_kernel() -> Any:
    """Return the loop over words of 32 bits. Raises NumbaError."""
    return compiled(count_wide, "(u4[::1], u4[:, ::1])")


def count_narrow(words: Any, counts: Any) -> None:
    """Count whole patterns."""
    whole = len(words) // LANES * LANES
    for i in range(0, whole, LANES):
        counts[0, words[i]] += 1
        counts[1, words[i + 1]] += 1
        counts[2, words[i + 2]] += 1
        counts[3, words[i + 3]] += 1
    for i in range(whole, len(words)):
        counts[0, words[i]] += 1


def count_wide(words: Any, counts: Any) -> None:
    """Count the first twelve bits of each word."""
    whole = len(words) // LANES * LANES
    for i in range(0, whole, LANES):
        counts[0, words[i] >> 20] += 1
        counts[1, words[i + 1] >> 20] += 1
        counts[2, words[i + 2] >> 20] += 1
        counts[3, words[i + 3] >> 20] += 1
    for i in range(whole, len(words)):
        counts[0, words[i] >> 20] += 1
