"""registry.numerics.compiled.histograms: counts of bit patterns."""

import numpy as np
import pytest

from registry.numerics.compiled.histograms import LANES, pattern_counts


@pytest.mark.parametrize("size", [1, LANES, 1003])
def test_patterns_of_16_bits(size):
    """Every pattern is counted once, those left over after the lanes too."""
    words = np.random.default_rng(size).integers(0, 1 << 16, size, np.uint16)
    counts = pattern_counts(words, 16)
    assert (counts == np.bincount(words, minlength=1 << 16)).all()
    assert counts.dtype == np.int64


@pytest.mark.parametrize("size", [1, LANES, 1003])
@pytest.mark.parametrize("kind", [np.uint16, np.uint32])
def test_first_bits(kind, size):
    """Of words of either width the first twelve bits count."""
    words = np.random.default_rng(size).integers(0, np.iinfo(kind).max, size, kind, endpoint=True)
    first = words >> (np.iinfo(kind).bits - 12)
    assert (pattern_counts(words, 12) == np.bincount(first, minlength=1 << 12)).all()
