"""Bytes that can be read from any offset, in a local file or in one on a server."""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

import numpy as np
from numpy.lib.stride_tricks import as_strided

from registry.checkpoints.dtypes import DType
from registry.errors import BrokenFile, ChangedFile, UnreadableFile
from registry.numerics.arrays import Values


class Blob(Protocol):
    """A file of a checkpoint: `name` is its path in the folder, `label` what errors call it."""

    @property
    def name(self) -> str:
        """Path relative to the folder, with slashes."""

    @property
    def label(self) -> str:
        """The path or address, for people."""

    @property
    def size(self) -> int:
        """Bytes. Raises UnreadableFile or a hub error."""

    def fill(self, memory: memoryview, offset: int) -> None:
        """Overwrite `memory` with the bytes from `offset` on.

        Raises BrokenFile beyond the end, UnreadableFile or a hub error.
        """

    def open(self) -> IO[bytes]:
        """Return a seekable binary stream, for libraries that want one."""


Files = Mapping[str, Blob]
"""The files of a folder by their names within it."""


@dataclass(frozen=True)
class LocalBlob:
    """A file on this machine, which must stay as it was when it was first looked at.

    Attributes:
        path: Where it is.
        name: Its path in the folder.
        stamps: What it was when it was first looked at: which file, how long and when written.
    """

    path: Path
    name: str
    stamps: list[tuple[int, ...]] = field(default_factory=list, compare=False, repr=False)

    @property
    def label(self) -> str:
        """The path as it was given."""
        return str(self.path)

    @property
    def size(self) -> int:
        """Bytes."""
        if not self.path.is_file():
            raise UnreadableFile(path=self.label, reason="it is not a regular file")
        try:
            status = self.path.stat()
        except OSError as exc:
            raise UnreadableFile(path=self.label, reason=exc.strerror or exc) from exc
        self.check(status)
        return status.st_size

    @property
    def written(self) -> int:
        """When it was written, in nanoseconds, as it was first looked at; 0 before that."""
        if not self.stamps:
            return 0
        *_, written = self.stamps[0]
        return written

    def check(self, status: os.stat_result) -> None:
        """Raise ChangedFile unless this is the file that was first looked at, as it was then."""
        stamp = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if not self.stamps:
            self.stamps.append(stamp)
        if stamp != self.stamps[0]:
            raise ChangedFile(path=self.label)

    def fill(self, memory: memoryview, offset: int) -> None:
        """Read straight into `memory`, without a buffer.

        Raises BrokenFile, UnreadableFile, ChangedFile.
        """
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(offset)
                while memory:
                    count = file.readinto(memory)
                    if not count:
                        break
                    memory = memory[count:]
                self.check(os.fstat(file.fileno()))
        except OSError as exc:
            raise UnreadableFile(path=self.label, reason=exc.strerror or exc) from exc
        if memory:
            raise BrokenFile(path=self.label, reason=f"it ends {len(memory)} bytes early")

    def open(self) -> IO[bytes]:
        """Open the file. Raises UnreadableFile, ChangedFile."""
        try:
            file = self.path.open("rb")
        except OSError as exc:
            raise UnreadableFile(path=self.label, reason=exc.strerror or exc) from exc
        try:
            self.check(os.fstat(file.fileno()))
        except ChangedFile:
            file.close()
            raise
        return file


def read_bytes(blob: Blob, offset: int = 0, count: int | None = None) -> bytes:
    """Return `count` bytes of a blob, or all from `offset` on."""
    if count is None:
        count = max(0, blob.size - offset)
    content = bytearray(count)
    blob.fill(memoryview(content), offset)
    return bytes(content)


@dataclass(frozen=True)
class Pieces:
    """How some values of a tensor are read.

    Attributes:
        read: What reads the whole of it. Where an entry has another, these are no pieces of it.
        at: Reads so many values from one on, row by row: at(start, count).
    """

    read: Callable[[], Values]
    at: Callable[[int, int], np.ndarray]


@dataclass(frozen=True)
class Span:
    """Where a tensor's elements lie in a blob.

    `offset` is in bytes, `stride` in elements; a stride of None means row-major.
    """

    blob: Blob
    offset: int
    dtype: DType
    shape: tuple[int, ...]
    stride: tuple[int, ...] | None = None

    @property
    def count(self) -> int:
        """Elements from the first to the last that belongs to the tensor."""
        if 0 in self.shape:
            return 0
        if self.stride is None:
            return math.prod(self.shape)
        last = sum((n - 1) * step for n, step in zip(self.shape, self.stride, strict=True))
        return last + 1

    def head(self, count: int) -> np.ndarray:
        """Read the first `count` elements of a row-major tensor, flat. Raises BrokenFile."""
        return self.piece(0, count)

    def piece(self, start: int, count: int) -> np.ndarray:
        """Read some elements of a row-major tensor, flat. Raises BrokenFile."""
        offset = self.offset + start * self.dtype.itemsize
        return Span(self.blob, offset, self.dtype, (count,)).read()

    def read(self) -> np.ndarray:
        """Read the tensor; exactly its own bytes are held in memory.

        Raises BrokenFile where it reaches beyond the blob's end.
        """
        end = self.offset + self.count * self.dtype.itemsize
        if end > self.blob.size:
            raise BrokenFile(path=self.blob.label, reason="a tensor reaches beyond its end")
        flat = self.dtype.blank(self.count)
        if self.count:
            self.blob.fill(flat.view(np.uint8).data, self.offset)
        if self.stride is None:
            return flat.reshape(self.shape)
        steps = [step * self.dtype.itemsize for step in self.stride]
        return as_strided(flat, self.shape, steps)
