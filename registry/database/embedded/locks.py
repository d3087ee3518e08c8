"""Locks that the kernel keeps: a killed process leaves nothing to clean up."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.notices import Notice, notify

FREE = fcntl.LOCK_EX | fcntl.LOCK_NB  # for `locked`: alone, and at once or not at all
PAUSE = 0.02  # seconds between two looks
SILENCE = 5.0  # seconds that a wait goes on without a word


@contextmanager
def locked(path: Path, mode: int) -> Iterator[int]:
    """Hold a kernel lock on a file; it goes with the process. Yields the descriptor.

    Raises BlockingIOError with LOCK_NB.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, mode)
        yield descriptor
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Return whether any process holds a lock on a file exclusively."""
    if not path.exists():
        return False
    try:
        with locked(path, fcntl.LOCK_SH | fcntl.LOCK_NB):
            return False
    except BlockingIOError:
        return True


@contextmanager
def locked_within(wait: "Wait", path: Path, mode: int) -> Iterator[None]:
    """Hold a kernel lock on a file, once those who hold it let go. Raises TooLong."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not taken(descriptor, mode):
            if not wait.goes_on():
                raise TooLong
        yield
    finally:
        os.close(descriptor)


def taken(descriptor: int, mode: int) -> bool:
    """Take a lock if it is free; return whether it was."""
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    """Yield a descriptor of a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class TooLong(Exception):  # noqa: N818
    """A wait has reached its limit."""


class Wait:
    """A wait of bounded length, of which the user is told once it has gone on for SILENCE.

    limit: seconds. notice: makes the sentence of the seconds that have passed.
    """

    def __init__(self, limit: float, notice: Callable[[float], Notice]) -> None:
        self.limit = limit
        self.notice = notice
        self.silent = True
        self.looks = 0
        self.began = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has gone on."""
        return time.monotonic() - self.began

    def goes_on(self) -> bool:
        """Pause for a moment, but not before the first look; return False beyond the limit."""
        self.looks += 1
        if self.looks == 1:
            return True
        if self.seconds >= self.limit:
            return False
        if self.silent and self.seconds >= SILENCE:
            self.silent = False
            notify(self.notice(self.seconds))
        time.sleep(PAUSE)
        return True
