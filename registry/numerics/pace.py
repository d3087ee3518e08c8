"""When to look whether a Krylov space has become large enough.

Values settle slowly at first, then ever faster. Looking costs an eigenvalue problem, and a space
that has become too large costs vectors.
"""

from typing import NamedTuple

import numpy as np

SETTLED = (
    1e-7  # relative change of an eigenvalue of G with every vector: its residual will be small
)
MOST = 48  # vectors between two looks, once it is known how fast values settle
NOTHING = 1e-300  # keeps logarithms and quotients finite


class Look(NamedTuple):
    """The smallest wanted eigenvalue of each of B matrices in a space of some size."""

    size: int
    values: np.ndarray


class Change(NamedTuple):
    """How much values changed with every vector, relative to SETTLED, up to a size."""

    size: int
    amount: float


class Pace:
    """Tells from the looks so far when the next one is due. due: the size of the space."""

    def __init__(self, due: int) -> None:
        self.due = due
        self.last: Look | None = None
        self.changes: list[Change] = []

    def settled(self, size: int, values: np.ndarray) -> bool:
        """Return whether values differ little from those before; set when to look again."""
        look = Look(size, values)
        before, self.last = self.last, look
        if before is not None:
            change = change_per_vector(before, look)
            self.changes.append(Change(size, max(change, NOTHING) / SETTLED))
            if change <= SETTLED:
                self.due = size + size // 12
                return True
        self.due = size + int(max(self.wait(size), 1))
        return False

    def wait(self, size: int) -> float:
        """Return how many vectors to add before looking again."""
        at_first = min(size // 5, 2 * MOST)
        if len(self.changes) < 2:  # noqa: PLR2004  # a rate needs two
            return at_first
        earlier, later = self.changes[-2:]
        rate = np.log(earlier.amount / later.amount) / (later.size - earlier.size)
        if rate > 0:
            expected: float = 0.6 * np.log(later.amount) / rate
            return min(expected, size // 8, MOST)
        return at_first


def change_per_vector(before: Look, now: Look) -> float:
    """Return the largest relative change of a value, over the vectors that came in between."""
    relative = (now.values - before.values) / np.maximum(np.abs(now.values), NOTHING)
    return float(relative.max()) / (now.size - before.size)
