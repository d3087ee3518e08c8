"""Memory that several threads share: who needs more than is left waits."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Room:
    """So many bytes; what is larger than all of them is let in alone."""

    def __init__(self, limit: int) -> None:
        """Begin empty."""
        self._limit = limit
        self._used = 0
        self._freed = Condition()

    @contextmanager
    def taking(self, nbytes: int) -> Iterator[None]:
        """Wait until there is room, and take it while the block runs."""
        with self._freed:
            self._freed.wait_for(lambda: not self._used or self._used + nbytes <= self._limit)
            self._used += nbytes
        try:
            yield
        finally:
            with self._freed:
                self._used -= nbytes
                self._freed.notify_all()
