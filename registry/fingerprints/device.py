"""What is computed on: the device, the cores, and the libraries that would take all of them."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from registry.errors import DeviceUnavailable
from registry.numerics.arrays import Values, as_tensor

if TYPE_CHECKING:
    import torch

MOST_GATHERED = 4 << 30  # bytes: ten layers of 8 billion parameters, with which a GPU is busy
# Where a driver for GPUs that torch's CUDA can use shows itself: Nvidia's, Windows' in WSL, AMD's.
DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")


@dataclass(frozen=True)
class Device:
    """What computes, named without torch.

    Attributes:
        type: cpu or cuda.
        index: which of the GPUs; None for the first.
    """

    type: str
    index: int | None = None

    def __str__(self) -> str:
        """Return its name, as torch has it."""
        return self.type if self.index is None else f"{self.type}:{self.index}"

    @property
    def torch(self) -> "torch.device":
        """Torch's own device of that name."""
        import torch  # noqa: PLC0415  # for GPUs alone

        return torch.device(str(self))


CPU = Device("cpu")


def chosen(name: str) -> Device:
    """Return the device called auto, cpu, cuda or cuda:n; auto is CUDA where torch sees it.

    Raises DeviceUnavailable.
    """
    if name == "auto":
        return Device("cuda") if sees_gpu() else CPU
    if name == "cpu":
        return CPU

    import torch  # noqa: PLC0415  # for GPUs alone

    try:
        device = torch.device(name)
    except RuntimeError as exc:
        raise DeviceUnavailable(device=name, reason="torch knows no such device") from exc
    if device.type not in ("cpu", "cuda"):
        raise DeviceUnavailable(device=name, reason="it is neither a CPU nor a CUDA GPU")

    count = torch.cuda.device_count() if device.type == "cuda" else 1
    if (device.index or 0) >= count:
        raise DeviceUnavailable(device=name, reason=f"the CUDA GPUs that torch sees are {count}")
    return CPU if device.type == "cpu" else Device("cuda", device.index)


def sees_gpu() -> bool:
    """Return whether torch sees a GPU; it is asked only where a driver may be."""
    if sys.platform == "darwin":
        return False
    may_be_there = sys.platform == "win32" or any(Path(path).exists() for path in DRIVERS)
    if not may_be_there:
        return False
    import torch  # noqa: PLC0415  # for GPUs alone

    return torch.cuda.is_available()


def on_device(values: np.ndarray, device: Device) -> Values:
    """Return values where they are computed with: on a CPU themselves."""
    return values if device == CPU else as_tensor(values).to(device.torch)


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gathering(device: Device, threads: int) -> int:
    """Return how many bytes of matrices may wait on the device to be computed together.

    Each of `threads` may have as much again in work or on its way; the other half of the memory is
    for what computing takes. A CPU gathers nothing: a matrix is computed while it is in the cache.
    """
    if device == CPU:
        return 0
    import torch  # noqa: PLC0415  # for GPUs alone

    free, _ = torch.cuda.mem_get_info(device.torch)
    return min(MOST_GATHERED, free // (2 * threads + 2))


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Keep BLAS, and torch where it is loaded, to the thread that calls them, while it lasts.

    It holds in the whole process. Threads of theirs inside threads of ours only fight for cores.
    """
    torch: Any = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 1
    with threadpool_limits(1):
        if torch:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(before)
