"""registry.numerics.compiled.histograms: counts of bit patterns."""

import numpy as np
import pytest

from registry.numerics.compiled.histograms import LANES, pattern_counts


@pytest.mark.parametrize("size", [1, LANES, 1003])
def test_patterns_of_16_bits(size):
    """Every pattern is counted once, those left over after the lanes too."""
    words = np.random.default_rng(size).integers(0, 1 << 16, size, np.uint16)
    counts = pattern_counts(words)
    assert (counts == np.bincount(words, minlength=1 << 16)).all()
    assert counts.dtype == np.int64


@pytest.mark.parametrize("size", [1, LANES, 1003])
def test_first_bits_of_32(size):
    """Of wide words the first twelve bits count."""
    words = np.random.default_rng(size).integers(0, 1 << 32, size, np.uint32)
    assert (pattern_counts(words) == np.bincount(words >> 20, minlength=1 << 12)).all()
