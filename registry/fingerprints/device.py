"""What is computed on: the device, the cores, and the libraries that would take all of them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

from registry.errors import DeviceUnavailable

MOST_GATHERED = 4 << 30  # bytes: ten layers of 8 billion parameters, with which a GPU is busy


def chosen(name: str) -> torch.device:
    """Return the device called auto, cpu, cuda or cuda:n; auto is CUDA where torch sees it.

    Raises DeviceUnavailable.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    try:
        device = torch.device(name)
    except RuntimeError as exc:
        raise DeviceUnavailable(device=name, reason="torch knows no such device") from exc
    if device.type not in ("cpu", "cuda"):
        raise DeviceUnavailable(device=name, reason="it is neither a CPU nor a CUDA GPU")

    count = torch.cuda.device_count() if device.type == "cuda" else 1
    if (device.index or 0) >= count:
        raise DeviceUnavailable(device=name, reason=f"the CUDA GPUs that torch sees are {count}")
    return device


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gathering(device: torch.device, threads: int) -> int:
    """Return how many bytes of matrices may wait on the device to be computed together.

    Each of `threads` may have as much again in work or on its way; the other half of the memory is
    for what computing takes. A CPU gathers nothing: a matrix is computed while it is in the cache.
    """
    if device.type == "cpu":
        return 0
    free, _ = torch.cuda.mem_get_info(device)
    return min(MOST_GATHERED, free // (2 * threads + 2))


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Keep torch and BLAS to the thread that calls them, in the whole process, while it lasts.

    Threads of theirs inside threads of ours only fight for cores.
    """
    before = torch.get_num_threads()
    with threadpool_limits(1):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)
