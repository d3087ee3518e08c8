"""One pass over the values of a tensor: the sums of their first four powers about a pivot.

A large tensor in memory is read by compiled kernels (compiled/passes.py), which take a second to
load or compile; every other one, also on a GPU, here, in chunks that are converted to float64 one
at a time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

CHUNK = 1 << 14  # values: float64 copies stay in the cache, and torch adds on one thread
DEVICE_CHUNK = 1 << 24  # enough to fill any GPU


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


def plain(values: torch.Tensor, pivot: float = 0.0, exponent: int = 0) -> Pass:
    """Return the pass over a flat tensor of any type on any device, computed by torch."""
    on_cpu = values.device.type == "cpu"
    chunks = values.split(CHUNK if on_cpu else DEVICE_CHUNK)
    return joined([chunk_pass(chunk, pivot, exponent) for chunk in chunks])


def chunk_pass(chunk: torch.Tensor, pivot: float, exponent: int) -> Pass:
    """Return the pass over one chunk, in float64."""
    x = chunk.to(torch.float64)
    low, high = range_of(x)
    if not math.isfinite(low + high) and not x.isfinite().all():
        x = x[x.isfinite()]
        low, high = range_of(x)

    centred = about(x, pivot, exponent)
    square = centred * centred
    sums = [centred.sum(), square.sum(), (square * centred).sum(), (square * square).sum()]
    s1, s2, s3, s4 = torch.stack(sums).tolist()
    return Pass(
        count=x.numel(),
        powers=(s1, s2, s3, s4),
        min=low + 0.0,  # no negative zero
        max=high + 0.0,
        nonfinite=chunk.numel() - x.numel(),
        pivot=pivot,
        exponent=exponent,
    )


def range_of(x: torch.Tensor) -> Range:
    """Return the limits of the values; those of nothing are the wrong way round."""
    if not x.numel():
        return Range(math.inf, -math.inf)
    low, high = torch.stack(torch.aminmax(x)).tolist()
    return Range(low, high)


def about(x: torch.Tensor, pivot: float, exponent: int) -> torch.Tensor:
    """Return 2^exponent (x - pivot)."""
    if not exponent:
        return x - pivot
    # In two steps, since 2^exponent itself may be beyond float64.
    half = math.ldexp(1.0, exponent // 2)
    other_half = math.ldexp(1.0, exponent - exponent // 2)
    return x * half * other_half - math.ldexp(pivot, exponent)


def joined(parts: Sequence[Pass]) -> Pass:
    """Return several passes about one pivot as one."""
    if len(parts) == 1:
        return parts[0]
    powers = torch.tensor([part.powers for part in parts], dtype=torch.float64)
    s1, s2, s3, s4 = powers.sum(0).tolist()
    return Pass(
        count=sum(part.count for part in parts),
        powers=(s1, s2, s3, s4),
        min=min(part.min for part in parts),
        max=max(part.max for part in parts),
        nonfinite=sum(part.nonfinite for part in parts),
        pivot=parts[0].pivot,
        exponent=parts[0].exponent,
    )
