"""Local workers: processes that each take one source at a time.

Each has a pipe of its own and shares no lock, so that one that is killed takes nothing along but
the source that it was at, which is known.
"""

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from registry.bulk.crew import Ended, Event, Lost, Progressed, Said, Started
from registry.bulk.job import Result, Work, ingest_task
from registry.bulk.memory import free, needed
from registry.bulk.wanted import Task
from registry.database.connecting.connection import open_whole
from registry.errors import RegistryError
from registry.notices import LOGGER

OFTEN = 0.2  # seconds between two signs of progress
GRACE = 3.0  # seconds in which a worker that was asked to end may keep what it has
ORPHANED = 10.0  # seconds in which a worker whose run was killed may store what it has
CONTEXT = multiprocessing.get_context("spawn")  # a fork of threads may hang


@dataclass
class Worker:
    """One process. task: what it is at; None where it waits."""

    process: BaseProcess
    pipe: Connection
    task: Task | None = None


class LocalCrew:
    """Processes of this machine; one that has ended is replaced with the next source."""

    def __init__(self, count: int, work: Work, url: str | None) -> None:
        """Start no process yet: each starts with its first source."""
        self._count = count
        self._work = work
        self._url = url
        self._memory = free()
        self._workers: list[Worker] = []
        self._waiting: list[Event] = []

    @property
    def busy(self) -> int:
        """How many are at work."""
        return sum(worker.task is not None for worker in self._workers)

    @property
    def idle(self) -> int:
        """How many could take a source now."""
        return self._count - self.busy

    def has_room(self, task: Task) -> bool:
        """Return whether the memory for a source is there, or nothing else needs any."""
        taken = sum(needed(worker.task) for worker in self._workers if worker.task)
        return not taken or taken + needed(task) <= self._memory

    def begin(self, task: Task) -> None:
        """Give a source to a worker that waits, or to a new one."""
        waiting = [worker for worker in self._workers if worker.task is None]
        worker = waiting[0] if waiting else self._start()
        worker.task = task
        self._waiting.append(Started(task))
        try:
            worker.pipe.send(task)
        except (BrokenPipeError, ConnectionError):  # it has ended: `events` finds out
            return

    def events(self, seconds: float) -> list[Event]:
        """Return what has happened, after a while at most."""
        events, self._waiting = self._waiting, []
        pipes = {worker.pipe: worker for worker in self._workers}
        for pipe in wait(list(pipes), 0 if events else seconds):
            worker = pipes[pipe]  # type: ignore[index]  # it waits for these alone
            events += self._heard(worker)
        return events

    def close(self) -> None:
        """End all workers, whatever they are at; `events` then returns what they said last.

        One that has a finished fingerprint keeps it in a file before it ends.
        """
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + GRACE
        while self._workers:
            patience = deadline - time.monotonic()
            pipes = {worker.pipe: worker for worker in self._workers}
            for pipe in wait(list(pipes), max(0.0, patience)):
                worker = pipes[pipe]  # type: ignore[index]  # it waits for these alone
                self._waiting += self._heard(worker)
            if patience < 0:
                self._kill()

    def _kill(self) -> None:
        """End the workers that are left at once."""
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()
        self._workers.clear()

    def _start(self) -> Worker:
        """Start a process."""
        here, there = CONTEXT.Pipe()
        process = CONTEXT.Process(
            target=serve, args=(there, self._work, self._url), daemon=True, name="registry worker"
        )
        with interrupts_held():
            process.start()
        there.close()
        worker = Worker(process, here)
        self._workers.append(worker)
        return worker

    def _heard(self, worker: Worker) -> list[Event]:
        """Return what one worker says; of one that has ended, what it was at."""
        events: list[Event] = []
        try:
            while worker.pipe.poll():
                event = worker.pipe.recv()
                events.append(event)
                if isinstance(event, Ended):
                    worker.task = None
        except (EOFError, OSError):
            events += self._ended(worker)
        return events

    def _ended(self, worker: Worker) -> list[Event]:
        """Take a worker out that has ended."""
        self._workers.remove(worker)
        worker.pipe.close()
        worker.process.join(GRACE)
        if worker.task is None:
            return []
        return [Lost(worker.task, ending_of(worker.process.exitcode))]


def ending_of(code: int | None) -> str:
    """Return how a process ended, from its exit code."""
    if code is None or code >= 0:
        return f"exit code {code}"
    return f"signal {signal.Signals(-code).name}"


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold back Ctrl-C in the block, for this process and, until it says otherwise, a new one."""
    resource_tracker.ensure_running()  # a process of Python's, whose start lets signals through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Ending(KeyboardInterrupt):
    """The run asks its worker to end."""


def end(_number: int, _frame: object) -> None:
    """Raise Ending, once."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Ending


def serve(pipe: Connection, work: Work, url: str | None) -> None:
    """Take sources from a pipe until it is closed: the life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent decides
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=end_with_parent, daemon=True).start()
    tell = teller(pipe)
    LOGGER.addHandler(Forwarding(tell))
    LOGGER.propagate = False
    try:
        signal.signal(signal.SIGTERM, end)
        while True:
            answer_all(pipe, work, url, tell)
    except (EOFError, BrokenPipeError, ConnectionError, Ending):  # the parent has gone, or says so
        return


def answer_all(pipe: Connection, work: Work, url: str | None, tell: Callable[[Any], None]) -> None:
    """Take sources from a pipe; return where there is no database to store them in.

    What kept the worker from it is the answer to its source, or the next one.
    """
    task: Task | None = None
    try:
        with open_whole(url, kept=True) as engine:
            while True:
                task = pipe.recv()
                result = ingest_task(engine, task, work, Reporter(task, tell))
                tell(Ended(result))
                task = None
    except RegistryError as error:
        tell(Ended(Result(task or pipe.recv(), error=error)))


def end_with_parent() -> None:
    """End this process soon after its parent was killed, whatever it is at."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    time.sleep(ORPHANED)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)


def teller(pipe: Connection) -> Callable[[Any], None]:
    """Return what sends an event; threads of the worker take turns."""
    lock = threading.Lock()

    def tell(event: Any) -> None:
        with lock:
            pipe.send(event)

    return tell


class Reporter:
    """Tells the progress of one source, not too often."""

    def __init__(self, task: Task, tell: Callable[[Any], None]) -> None:
        self._task = task
        self._tell = tell
        self._bytes = 0
        self._last = time.monotonic()

    def __call__(self, done: int, total: int, nbytes: int) -> None:
        """Tell that a tensor is done."""
        self._bytes += nbytes
        now = time.monotonic()
        if now - self._last < OFTEN and done < total:
            return
        self._tell(Progressed(self._task, done, total, self._bytes))
        self._bytes = 0
        self._last = now


class Forwarding(logging.Handler):
    """Sends notices of the worker to who talks to the user."""

    def __init__(self, tell: Callable[[Any], None]) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Send one notice."""
        if isinstance(record.args, tuple) and record.args:
            self._tell(Said(record.args[0]))  # type: ignore[arg-type]  # see registry.notices
