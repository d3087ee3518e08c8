"""Where the time goes: seconds of every stage, summed over the threads that were in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from time import perf_counter

STAGES = (
    "index",
    "read",
    "copy",
    "digest",
    "moments",
    "spectrum",
    "sketches",
    "own axes",
    "K-Means",
    "database",
)


class Timing:
    """A clock for one source.

    Several threads may be in a stage at once: its seconds then exceed those of the wall clock.
    """

    def __init__(self) -> None:
        """Begin with no time spent; the wall clock starts with the first stage."""
        self._lock = Lock()
        self._begun: float | None = None
        self._spent = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens inside as one of STAGES."""
        begun = perf_counter()
        self._begun = self._begun or begun
        try:
            yield
        finally:
            with self._lock:
                self._spent[name] += perf_counter() - begun

    def seconds(self) -> dict[str, float]:
        """Return the seconds of every stage so far, and as `wall` those since the first began."""
        with self._lock:
            wall = perf_counter() - self._begun if self._begun else 0.0
            return {**self._spent, "wall": wall}
