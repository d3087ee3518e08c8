"""Memory for large tensors, which is used again while one source is read.

Pages that a system hands out fresh are set to zero first, which takes several times as long as
reading a file of the page cache into them.
"""

import ctypes
import mmap
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import RLock
from typing import Any

ROOMY = 2  # times the bytes that are needed, in which they are put at most


class Pool:
    """Pages that were lent out and came back.

    Together with those that are lent out they are never more than `limit` bytes, or than these.
    """

    def __init__(self) -> None:
        """Begin without pages, and keep none."""
        self._lock = RLock()  # pages may come back whenever memory is collected
        self._free: list[mmap.mmap] = []
        self._lent = 0
        self._limit = 0

    def lend(self, size: int) -> Any:
        """Return a buffer of that many bytes, whose pages come back once nothing refers to it.

        Huge pages, if the system has them.

        Raises:
            MemoryError: Where the memory does not suffice.
        """
        pages = self._fitting(size) or fresh(size)
        buffer = (ctypes.c_char * size).from_buffer(pages)
        with self._lock:
            self._lent += len(pages)
        weakref.finalize(buffer, self._take_back, pages).atexit = False
        return buffer

    @contextmanager
    def reusing(self, limit: int) -> Iterator[None]:
        """Keep pages for the next tensors while it lasts, and none afterwards."""
        with self._lock:
            before, self._limit = self._limit, limit
        try:
            yield
        finally:
            with self._lock:
                self._limit = before
                self._let_go()

    def _fitting(self, size: int) -> mmap.mmap | None:
        """Return the fewest pages that are enough, and not far too many; else make room for new."""
        with self._lock:
            sizes = [len(pages) for pages in self._free]
            enough = [count for count in sizes if size <= count <= ROOMY * size]
            if enough:
                return self._free.pop(sizes.index(min(enough)))
            self._let_go(size)
            return None

    def _take_back(self, pages: mmap.mmap) -> None:
        """Keep pages, as far as the limit allows."""
        with self._lock:
            self._lent -= len(pages)
            self._free.append(pages)
            self._let_go()

    def _let_go(self, wanted: int = 0) -> None:
        """Give pages back that are too many beside what is wanted, the oldest first."""
        total = self._lent + wanted + sum(len(pages) for pages in self._free)
        while self._free and total > self._limit:
            total -= len(self._free.pop(0))


def fresh(size: int) -> mmap.mmap:
    """Return new pages, huge ones if the system has them.

    Raises:
        MemoryError: Where the memory does not suffice.
    """
    try:
        pages = mmap.mmap(-1, size)
    except OSError as exc:
        raise MemoryError from exc
    with suppress(AttributeError, OSError):  # a system or kernel without huge pages
        pages.madvise(mmap.MADV_HUGEPAGE)
    return pages


POOL = Pool()
"""That of the process."""
