"""The embedded server's parent: starts it, and stops it once no command has used it for a while.

Run by path, with psutil beside the standard library alone, so that it stays small:

    keeper.py ORDERS

ORDERS is a JSON object, see `Orders`. A keeper that was killed is replaced by one that adopts the
server which it left behind.
"""

import fcntl
import json
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psutil

STEPS = ((signal.SIGINT, 4.0), (signal.SIGQUIT, 2.0))
"""Signals that end a server, and the seconds that each is given before the next.

SIGINT ends all sessions and writes the data. Postgres 18 never gets to the end of that if it
arrives while the server recovers from the death of one of its processes. SIGQUIT writes nothing:
the next start recovers. What is left then is killed.
"""


PAUSE = 0.05  # seconds between two looks whether a process has ended
TOLD_TO_END = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


@dataclass(frozen=True)
class Orders:
    """What a keeper is to do.

    Attributes:
        data_dir: The data folder, whose `clients` tells whether a command is at work.
        sockets: The folder of the server's socket, removed in the end.
        linger: Seconds between two looks.
        command: What starts the server; empty for one that runs already.
        inherited: Descriptors for the server alone: the lock that says that it runs, the cluster.
        account: `user` and `group` that the server runs as; empty for our own.
        pid: The first process of a server that runs already.
        created: When that process began, by which it is told from another of this number.
    """

    data_dir: str
    sockets: str
    linger: float
    command: list[str] = field(default_factory=list)
    inherited: list[int] = field(default_factory=list)
    account: dict[str, Any] = field(default_factory=dict)
    pid: int = 0
    created: float = 0.0


def main() -> None:
    """Run the server until it ends by itself or is not needed any more; it does not outlive us."""
    for number in TOLD_TO_END:
        signal.signal(number, lambda *_: sys.exit())  # by way of `finally`
    orders = Orders(**json.loads(sys.argv[1]))
    server = started(orders) if orders.command else adopted(orders)
    if server is None:
        return
    try:
        watch(server, orders)
    finally:
        for number in TOLD_TO_END:
            signal.signal(number, signal.SIG_IGN)
        end(server)  # for nothing, unless watching failed: the data folder may be gone
        shutil.rmtree(orders.sockets, ignore_errors=True)


def started(orders: Orders) -> psutil.Process:
    """Start the server, which from then on holds its lock alone."""
    server = psutil.Popen(orders.command, pass_fds=orders.inherited, **orders.account)
    for descriptor in orders.inherited:
        os.close(descriptor)
    return server


def adopted(orders: Orders) -> psutil.Process | None:
    """Return a server that runs already; None where it has gone meanwhile."""
    try:
        server = psutil.Process(orders.pid)
    except psutil.NoSuchProcess:
        return None
    return server if server.create_time() == orders.created else None


def watch(server: psutil.Process, orders: Orders) -> None:
    """Stop the server once nobody holds `clients` and nothing is pinned, while nobody can come."""
    while not ended_within(server, orders.linger):
        clients = os.open(os.path.join(orders.data_dir, "clients"), os.O_RDWR)  # noqa: PTH118
        try:
            fcntl.flock(clients, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.exists(os.path.join(orders.data_dir, "pinned")):  # noqa: PTH110, PTH118
                end(server)
        except BlockingIOError:
            pass
        finally:
            os.close(clients)


def end(server: psutil.Process) -> None:
    """End a server in bounds, with all its processes: see STEPS."""
    family = family_of(server)
    for number, seconds in STEPS:
        if ended_within(server, 0.0):
            break
        send(server, number)
        ended_within(server, seconds)
    for process in family:
        send(process, signal.SIGKILL)
    ended_within(server, 1.0)


def family_of(server: psutil.Process) -> list[psutil.Process]:
    """Return a server's processes, itself first; none once it has gone."""
    try:
        return [server, *server.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def send(process: psutil.Process, number: signal.Signals) -> None:
    """Send a signal to a process, unless it has gone and its number is another's."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def ended_within(process: psutil.Process, seconds: float) -> bool:
    """Wait for a process; return whether it has ended.

    One that is not our child may stay a zombie, where the first process of a container buries none.
    """
    deadline = time.monotonic() + seconds
    while not has_ended(process):
        if time.monotonic() >= deadline:
            return False
        time.sleep(min(PAUSE, seconds))
    return True


def has_ended(process: psutil.Process) -> bool:
    """Return whether a process has ended; a child is buried."""
    if isinstance(process, psutil.Popen):
        return process.poll() is not None
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


if __name__ == "__main__":
    main()
