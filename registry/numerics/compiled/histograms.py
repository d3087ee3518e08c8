"""Compiled counting of bit patterns, with numba: about as fast as memory is read."""

from functools import cache
from typing import Any

import numpy as np

from registry.numerics.compiled.jit import compiled

LANES = 4  # tables, so that equal neighbours do not wait for each other


def pattern_counts(words: np.ndarray, bits: int) -> np.ndarray:
    """Return the counts, int64, of the first `bits` bits of each word, by these.

    Args:
        words: uint16 or uint32.
    """
    width = 8 * words.itemsize
    counts = np.zeros((LANES, 1 << bits), np.uint32)
    count = narrow_kernel() if words.dtype == np.uint16 else wide_kernel()
    count(words, counts, width - bits)
    return np.asarray(counts.sum(0, dtype=np.int64))


def counts_of_all(words: np.ndarray) -> np.ndarray:
    """Return the counts, int64, of every pattern of 16 bits, by pattern.

    Values as models have them differ so much that one table is faster than several.

    Args:
        words: uint16.
    """
    counts = np.zeros(1 << 16, np.uint32)
    whole_kernel()(words, counts)
    return counts.astype(np.int64)


@cache
def whole_kernel() -> Any:
    """Return the loop that counts words of 16 bits in one table. Raises NumbaError."""
    return compiled(count_words, "(u2[::1], u4[::1])")


@cache
def narrow_kernel() -> Any:
    """Return the loop over words of 16 bits. Raises NumbaError."""
    return compiled(count_patterns, "(u2[::1], u4[:, ::1], u4)")


@cache
def wide_kernel() -> Any:
    """Return the loop over words of 32 bits. Raises NumbaError."""
    return compiled(count_patterns, "(u4[::1], u4[:, ::1], u4)")


def count_words(words: Any, counts: Any) -> None:
    """Count words."""
    for i in range(len(words)):
        counts[words[i]] += np.uint32(1)


def count_patterns(words: Any, counts: Any, shift: Any) -> None:
    """Count words, moved right by `shift`."""
    whole = len(words) // LANES * LANES
    for i in range(0, whole, LANES):
        counts[0, words[i] >> shift] += 1
        counts[1, words[i + 1] >> shift] += 1
        counts[2, words[i + 2] >> shift] += 1
        counts[3, words[i + 3] >> shift] += 1
    for i in range(whole, len(words)):
        counts[0, words[i] >> shift] += 1
