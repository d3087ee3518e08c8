"""Which processes serve a cluster, and how they are ended in bounds.

A number that a file names may be another process's by now. It counts if that process runs Postgres
in the cluster's folder; psutil then signals no other that gets the number later.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from registry.database.embedded.keeper import STEPS, send

SERVER = "postgres"
ORPHANED = 2.0  # seconds in which processes notice that the first of them has gone


def serves(process: psutil.Process, cluster: Path) -> bool:
    """Return whether a process is one of the cluster's server."""
    try:
        return process.name() == SERVER and os.path.samefile(process.cwd(), cluster)  # noqa: PTH121
    except (psutil.Error, OSError):  # it has gone, or is another user's
        return False


def members(cluster: Path) -> Iterator[psutil.Process]:
    """Yield all processes of the cluster's server, orphans among them."""
    for process in psutil.process_iter():
        if serves(process, cluster):
            yield process


def postmaster(number: int | None, cluster: Path) -> psutil.Process | None:
    """Return the server's first process, if that is what has this number."""
    if number is None:
        return None
    try:
        process = psutil.Process(number)
    except (psutil.Error, ValueError):
        return None
    return process if serves(process, cluster) else None


class Ending:
    """The end of a server, step by step, by one who looks again and again.

    grace: seconds that it is left alone first, for it may be ending already.
    """

    def __init__(self, cluster: Path, grace: float = 0.0) -> None:
        self.cluster = cluster
        self.next_step = time.monotonic() + grace
        self.steps = list(STEPS)

    def go_on(self, number: int | None) -> None:
        """Take the next step if it is due. number: of the server's first process, if it is known.

        One whose first process has gone, and which has not followed, is killed.
        """
        if time.monotonic() < self.next_step:
            return
        server = postmaster(number, self.cluster)
        if server and self.steps:
            signal_number, seconds = self.steps.pop(0)
            send(server, signal_number)
            self.next_step = time.monotonic() + seconds
        elif self.steps:
            self.steps.clear()
            self.next_step = time.monotonic() + ORPHANED
        else:
            for process in members(self.cluster):
                send(process, signal.SIGKILL)
