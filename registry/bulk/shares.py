"""What one source takes of a node of a cluster, so that no node is overrun."""

from collections.abc import Sequence
from dataclasses import dataclass

from registry.bulk.memory import needed
from registry.bulk.wanted import Task

GIB = 1 << 30
CORES = ((GIB, 1), (8 * GIB, 2), (64 * GIB, 4))
"""Bytes of weights, and the cores that read so many at most."""
MOST_CORES = 8
GPU_SHARES = ((GIB // 4, 0.25), (GIB, 0.5))
"""Bytes of the largest tensor, and the share of a GPU that measures so many at most."""


@dataclass(frozen=True)
class Share:
    """A part of a node, or all of one.

    Attributes:
        cores: of its processors.
        memory: bytes.
        gpus: of its GPUs.
    """

    cores: float
    memory: float
    gpus: float = 0

    def fits(self, node: "Share") -> bool:
        """Return whether a node has as much when nothing else runs on it."""
        return self.cores <= node.cores and self.memory <= node.memory and self.gpus <= node.gpus


def share_of(task: Task, nodes: Sequence[Share], *, gpu: bool, cores: int | None = None) -> Share:
    """Return what a source takes: as much as its size asks for, or all of the largest node.

    Args:
        task: The source.
        nodes: What every node of the cluster has; one without cores takes nothing.
        gpu: Whether a GPU measures it.
        cores: That it was said to take; None for as many as its size asks for.
    """
    share = Share(
        cores=cores or limit_above(task.size or 0, CORES, MOST_CORES),
        memory=rounded(needed(task)),
        gpus=limit_above(task.largest, GPU_SHARES, 1) if gpu else 0,
    )
    able = [node for node in nodes if node.cores]
    if not able or any(share.fits(node) for node in able):
        return share
    largest = max(able, key=lambda node: (min(node.gpus, share.gpus), node.memory))
    return Share(
        cores=min(share.cores, largest.cores),
        memory=min(share.memory, largest.memory),
        gpus=min(share.gpus, largest.gpus),
    )


def limit_above(size: int, table: Sequence[tuple[int, float]], most: float) -> float:
    """Return the value of the first row whose bytes are not exceeded; `most` beyond all."""
    for limit, value in table:
        if size <= limit:
            return value
    return most


def rounded(size: int) -> int:
    """Return bytes rounded up to a power of two, half a GiB at least.

    Ray gives sources that ask for the same to the same processes, one after the other.
    """
    return max(GIB // 2, 1 << (size - 1).bit_length())
