"""Histograms of weights on a grid that depends on nothing but the value, so that they add up alike in any order.

A bin is a sign, a power of two and an eighth of the way to the next: what the first twelve bits of a float32 say. So
bins are narrow where weights are dense. Powers from 2^-24 to 2^7 have bins of their own; smaller values count as zero,
larger ones as the largest, NaN and infinities not at all.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch

from registry.numerics.compiled.loading import loaded

LOW, HIGH = -24, 7  # powers of two that are told apart
PARTS = 8  # bins between two powers
SIDE = PARTS * (HIGH - LOW + 1)  # bins on one side of zero
BINS = 2 * SIDE + 1
KEYS = 1 << 12  # first bits of a float32: sign, exponent, three of the fraction
COUNTED_FROM = 1 << 16  # values: of fewer, torch is as fast
CHUNK = 1 << 20  # values that torch turns to keys at a time


def histogram(matrix: torch.Tensor) -> np.ndarray:
    """BINS counts of the finite values of a tensor of any floating type, int64, from the most negative bin on."""
    flat = (
        matrix
        if matrix.is_contiguous()
        else matrix.T
        if matrix.T.is_contiguous()
        else matrix.contiguous()
    ).reshape(-1)
    kernel = compiled() if flat.device.type == "cpu" and flat.numel() >= COUNTED_FROM else None
    if kernel and flat.dtype in WORDS:
        counts = kernel(flat.view(WORDS[flat.dtype]).numpy().view(f"u{flat.element_size()}"))
        return binned(counts, patterns(flat.dtype))
    counts = sum((keys_of(chunk) for chunk in flat.split(CHUNK)), np.zeros(KEYS, np.int64))
    return binned(counts, np.arange(KEYS, dtype=np.uint32) << 20)


WORDS = {torch.bfloat16: torch.int16, torch.float16: torch.int16, torch.float32: torch.int32}


@cache
def compiled() -> Callable[[np.ndarray], np.ndarray] | None:
    """Counts of the patterns of 16 bits, or of the first 12 of 32, where numba can be loaded."""
    module = loaded("histograms")  # numba takes half a second to import
    return module.pattern_counts if module else None


def patterns(dtype: torch.dtype) -> np.ndarray:
    """The float32 patterns of what the kernel's counts belong to."""
    if dtype == torch.float32:
        return np.arange(KEYS, dtype=np.uint32) << 20
    every = torch.arange(1 << 16, dtype=torch.int32).to(torch.int16).view(dtype)
    return every.to(torch.float32).view(torch.int32).numpy().view(np.uint32)


def keys_of(chunk: torch.Tensor) -> np.ndarray:
    """Counts of the first twelve bits of every value."""
    keys = (chunk.to(torch.float32).contiguous().view(torch.int32) >> 20) & (KEYS - 1)
    return torch.bincount(keys.long(), minlength=KEYS).cpu().numpy()


def binned(counts: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Counts by bin, of counts by float32 pattern."""
    exponents, eighths = (found >> 23 & 0xFF).astype(int) - 127, (found >> 20 & 7).astype(int)
    step = np.where(
        exponents < LOW, 0, np.minimum((exponents - LOW) * PARTS + eighths, SIDE - 1) + 1
    )
    places = SIDE + np.where(found >> 31 == 1, -step, step)
    finite = exponents < 128  # noqa: PLR2004  # NaN and infinities have the largest
    return np.bincount(places[finite], counts[finite], BINS).astype(np.int64)


def edges() -> np.ndarray:
    """The BINS + 1 borders of the bins, rising; that of zero is as wide as what counts as zero."""
    powers = 2.0 ** np.arange(LOW, HIGH + 1)[:, None] * (1 + np.arange(PARTS) / PARTS)
    side = np.append(powers.ravel(), 2.0 ** (HIGH + 1))
    return np.concatenate([-side[::-1], side])
