"""Matrices of one shape wait for each other, so that a GPU computes many at once."""

from collections import defaultdict
from threading import Lock, Semaphore

from registry.fingerprints.matrix import HashedMatrix

Batch = list[HashedMatrix]
"""Matrices of one shape and type."""


class Batches:
    """Gathers matrices by shape and type; past `limit` bytes together, all are given out.

    With a limit of 0 each matrix is given out at once, by itself.

    Attributes:
        turns: to be held while computing. Batches are computed one at a time, single matrices by
            as many threads as there are.
    """

    def __init__(self, limit: int, threads: int) -> None:
        """Begin empty.

        Args:
            limit: Bytes that may wait.
            threads: How many threads add matrices.
        """
        self.turns = Semaphore(1 if limit else threads)
        self._limit = limit
        self._lock = Lock()
        self._waiting_bytes = 0
        # by shape and type
        self._waiting: defaultdict[tuple[object, object], Batch] = defaultdict(list)

    def add(self, matrix: HashedMatrix) -> list[Batch]:
        """Add a matrix; return the batches that are to be computed now."""
        values = matrix.values
        with self._lock:
            self._waiting[values.shape, values.dtype].append(matrix)
            self._waiting_bytes += values.nbytes
            if self._waiting_bytes <= self._limit:
                return []
            return self.take()

    def take(self) -> list[Batch]:
        """Return all batches, and keep nothing."""
        batches = list(self._waiting.values())
        self._waiting = defaultdict(list)
        self._waiting_bytes = 0
        return batches
