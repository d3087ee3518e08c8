"""Keeps what becomes of sources in the database, some at a time, whether it is there or not."""

import threading
import time
from collections.abc import Callable
from functools import partial

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from registry.bulk.job import Result
from registry.database.connecting.patience import ask_once
from registry.database.connecting.transactions import in_transaction
from registry.database.keeping import runs
from registry.database.keeping.runs import Ending, NewJob
from registry.errors import DatabaseFault

EVERY = 1.0  # seconds between two transactions


class Recorder:
    """The jobs of one run. What a database that is away does not take is kept for the next try."""

    def __init__(self, engine: Engine, run: int, rank: int) -> None:
        self._engine = engine
        self._run = run
        self._rank = rank
        self._stored = 0
        self._jobs: list[NewJob] = []
        self._last = time.monotonic()

    def add(self, result: Result, attempts: int) -> None:
        """Keep what became of a source, with the next transaction."""
        self._jobs.append(job_of(result, attempts, self._rank))

    def keep(self) -> None:
        """Store what has come together, if it is time."""
        if time.monotonic() - self._last >= EVERY:
            self._keep()

    def end(self, state: Ending) -> None:
        """Store the rest, and how the run ended; of a database that is away it asks once."""
        ask_once(self._engine)
        if self._keep():
            self._done(partial(runs.end, run=self._run, state=state))

    def end_within(self, seconds: float) -> None:
        """Store the rest, and that the run was stopped, if the database takes it so soon."""
        ending = threading.Thread(target=self.end, args=(Ending.STOPPED,), daemon=True)
        ending.start()
        ending.join(seconds)

    def _keep(self) -> bool:
        """Store what has come together; return whether the database took it."""
        jobs = tuple(self._jobs)
        is_kept = self._done(partial(runs.record, run=self._run, jobs=jobs, before=self._stored))
        self._last = time.monotonic()
        if is_kept:
            self._stored += len(jobs)
            self._jobs.clear()
        return is_kept

    def _done(self, work: Callable[[Session], None]) -> bool:
        """Do it in a transaction; return whether the database took it."""
        try:
            in_transaction(self._engine, work)
        except DatabaseFault:  # it is away: with the next; the next run finds out how this ended
            return False
        return True


def job_of(result: Result, attempts: int, rank: int) -> NewJob:
    """Return what is stored of a source."""
    task = result.task
    error = result.error if result.failed else None
    return NewJob(
        source=task.source,
        place=task.place,
        host=task.host,
        name=task.wanted.name,
        family=task.wanted.family,
        stamp=task.stamp,
        outcome=result.outcome,
        model=result.model,
        error=type(error).__name__ if error else None,
        reason=str(error) if error else None,
        lasting=result.lasts,
        rank=rank,
        size=task.size,
        seconds=result.seconds,
        attempts=attempts,
    )
