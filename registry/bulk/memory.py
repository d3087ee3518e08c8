"""How much memory a source takes while it is read, so that not too many are read at a time."""

import psutil

from registry.bulk.wanted import Task

PROCESS = 400 << 20  # bytes of a worker with its libraries
TENSORS = 3  # times the largest tensor: as stored, as computed with, and what comes of it
SHARE = 0.8  # of the memory that is free when a run begins


def needed(task: Task) -> int:
    """Return the bytes that reading a source takes, roughly."""
    return PROCESS + TENSORS * task.largest


def free() -> int:
    """Return the bytes that a run may take on this machine."""
    return int(SHARE * psutil.virtual_memory().available)
