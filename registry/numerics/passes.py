"""One pass over the values of a tensor: the sums of their first four powers about a pivot, straight from storage.

A large tensor in memory is read by compiled kernels (registry.numerics.compiled.passes), which take a second to load or
compile; every other one, also on a GPU, in chunks that are turned to float64 one at a time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

CHUNK = (
    1 << 14
)  # values: float64 copies stay in the second-level cache, and torch adds so few up on one thread
DEVICE_CHUNK = 1 << 24  # values: enough to fill any GPU


@dataclass(frozen=True)
class Pass:
    """The finite values of one segment; the k-th power sum is that of (2^exponent (x - pivot))^k."""

    count: int
    powers: tuple[float, float, float, float]
    min: float
    max: float
    nonfinite: int
    pivot: float = 0.0
    exponent: int = 0


def plain(values: torch.Tensor, pivot: float = 0.0, exponent: int = 0) -> Pass:
    """The same pass in torch: correct for every type on every device, a tenth as fast or less."""
    chunks = values.split(CHUNK if values.device.type == "cpu" else DEVICE_CHUNK)
    return joined([of_chunk(chunk, pivot, exponent) for chunk in chunks])


def of_chunk(chunk: torch.Tensor, pivot: float, exponent: int) -> Pass:
    """Powers of one chunk in float64."""
    x = chunk.to(torch.float64)
    low, high = torch.stack(torch.aminmax(x)).tolist()
    if not math.isfinite(low + high) and not x.isfinite().all():
        x = x[x.isfinite()]
        low, high = torch.stack(torch.aminmax(x)).tolist() if x.numel() else (math.inf, -math.inf)
    half = math.ldexp(1.0, exponent // 2)  # twice, since 2^exponent itself may be beyond float64
    c = (
        x * half * math.ldexp(1.0, exponent - exponent // 2) - math.ldexp(pivot, exponent)
        if exponent
        else x - pivot
    )
    c2 = c * c
    powers = torch.stack([c.sum(), c2.sum(), (c2 * c).sum(), (c2 * c2).sum()]).tolist()
    missing = chunk.numel() - x.numel()
    return Pass(
        x.numel(), tuple(powers), low + 0.0, high + 0.0, missing, pivot, exponent
    )  # + 0: no negative zero


def joined(parts: Sequence[Pass]) -> Pass:
    """Several passes about one pivot as one."""
    if len(parts) == 1:
        return parts[0]
    return Pass(
        sum(part.count for part in parts),
        tuple(torch.tensor([part.powers for part in parts], dtype=torch.float64).sum(0).tolist()),
        min(part.min for part in parts),
        max(part.max for part in parts),
        sum(part.nonfinite for part in parts),
        parts[0].pivot,
        parts[0].exponent,
    )
