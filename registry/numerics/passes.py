"""One pass over the values of a tensor: the sums of their first four powers about a pivot.

A large array is read by compiled kernels (compiled/passes.py), which take a second to load or
compile; every other one here, in chunks that are converted to float64 one at a time. On a GPU
registry.numerics.on_gpu does the same.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from registry.numerics.arrays import float64

CHUNK = 1 << 14  # values: float64 copies stay in the cache


@dataclass(frozen=True)
class Pass:
    """What one pass over a segment says of its finite values.

    Attributes:
        powers: The k-th is the sum of (2^exponent (x - pivot))^k.
        nonfinite: How many NaN and infinities were left out.
    """

    count: int
    powers: tuple[float, float, float, float]
    min: float
    max: float
    nonfinite: int
    pivot: float = 0.0
    exponent: int = 0


class Range(NamedTuple):
    """The smallest and the largest value."""

    low: float
    high: float


def plain(values: np.ndarray, pivot: float = 0.0, exponent: int = 0) -> Pass:
    """Return the pass over a flat array of any floating type, computed by numpy."""
    starts = range(0, max(1, len(values)), CHUNK)
    chunks = [values[start : start + CHUNK] for start in starts]
    return joined([chunk_pass(chunk, pivot, exponent) for chunk in chunks])


def chunk_pass(chunk: np.ndarray, pivot: float, exponent: int) -> Pass:
    """Return the pass over one chunk, in float64."""
    x = float64(chunk)
    is_finite = np.isfinite(x)
    if not is_finite.all():
        x = x[is_finite]
    limits = Range(float(x.min()), float(x.max())) if x.size else Range(math.inf, -math.inf)

    with np.errstate(over="ignore", invalid="ignore"):  # the caller scales what overflows
        centred = about(x, pivot, exponent)
        square = centred * centred
        powers = (
            float(centred.sum()),
            float(square.sum()),
            float((square * centred).sum()),
            float((square * square).sum()),
        )
    return Pass(
        count=x.size,
        powers=powers,
        min=limits.low + 0.0,  # no negative zero
        max=limits.high + 0.0,
        nonfinite=chunk.size - x.size,
        pivot=pivot,
        exponent=exponent,
    )


def about(x: np.ndarray, pivot: float, exponent: int) -> np.ndarray:
    """Return 2^exponent (x - pivot)."""
    if not exponent:
        return x - pivot
    half, other_half = halves_of_power(exponent)
    return x * half * other_half - math.ldexp(pivot, exponent)


def halves_of_power(exponent: int) -> tuple[float, float]:
    """Return two factors that make 2^exponent, which itself may be beyond float64."""
    half = exponent // 2
    return math.ldexp(1.0, half), math.ldexp(1.0, exponent - half)


def joined(parts: Sequence[Pass]) -> Pass:
    """Return several passes about one pivot as one."""
    if len(parts) == 1:
        return parts[0]
    with np.errstate(over="ignore", invalid="ignore"):  # the caller scales what overflows
        s1, s2, s3, s4 = np.array([part.powers for part in parts]).sum(0).tolist()
    return Pass(
        count=sum(part.count for part in parts),
        powers=(s1, s2, s3, s4),
        min=min(part.min for part in parts),
        max=max(part.max for part in parts),
        nonfinite=sum(part.nonfinite for part in parts),
        pivot=parts[0].pivot,
        exponent=parts[0].exponent,
    )
