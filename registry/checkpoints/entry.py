"""One tensor of a checkpoint: what the index says of it, and how to fetch its bytes."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from registry.errors import BrokenFile, UnreadableFile


@dataclass(frozen=True)
class Entry:
    """A tensor that has not been read yet.

    `load` reads it into memory; nothing is kept afterwards.
    """

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    load: Callable[[], torch.Tensor]

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the tensor takes in memory."""
        return self.count * self.dtype.itemsize


@dataclass(frozen=True)
class Span:
    """Where a tensor's elements lie in a file. `offset` is in bytes, `stride` in elements; None means row-major."""

    path: Path
    offset: int
    dtype: torch.dtype
    shape: tuple[int, ...]
    stride: tuple[int, ...] | None = None

    @property
    def count(self) -> int:
        """Elements from the first to the last that belongs to the tensor."""
        if 0 in self.shape:
            return 0
        if self.stride is None:
            return math.prod(self.shape)
        return 1 + sum((n - 1) * step for n, step in zip(self.shape, self.stride, strict=True))

    def read(self) -> torch.Tensor:
        """Read the tensor; exactly its own bytes are held in memory."""
        flat = torch.empty(self.count, dtype=self.dtype)
        if self.count:
            fill(flat, self.path, self.offset)
        return flat.view(self.shape) if self.stride is None else flat.as_strided(self.shape, self.stride)


def fill(flat: torch.Tensor, path: Path, offset: int) -> None:
    """Overwrite a 1-D tensor with the bytes of `path` from `offset` on."""
    memory = memoryview(flat.view(torch.uint8).numpy().data)
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            while memory and (got := file.readinto(memory)):
                memory = memory[got:]
    except OSError as exc:
        raise UnreadableFile(path=str(path), reason=exc.strerror or exc) from exc
    if memory:
        raise BrokenFile(path=str(path), reason=f"it ends {len(memory)} bytes early")
