"""Keeps what becomes of sources in the database, some at a time, whether it is there or not."""

import time
from functools import partial

from sqlalchemy import Engine

from registry.bulk.job import Result
from registry.database import runs
from registry.database.runs import Ending, NewJob
from registry.database.transactions import in_transaction
from registry.errors import DatabaseFault

EVERY = 1.0  # seconds between two transactions


class Recorder:
    """The jobs of one run. What a database that is away does not take is kept for the next try."""

    def __init__(self, engine: Engine, run: int, rank: int) -> None:
        self._engine = engine
        self._run = run
        self._rank = rank
        self._jobs: list[NewJob] = []
        self._last = time.monotonic()

    def add(self, result: Result, attempts: int) -> None:
        """Keep what became of a source, with the next transaction."""
        self._jobs.append(job_of(result, attempts, self._rank))

    def keep(self, *, now: bool = False) -> None:
        """Store what has come together, if it is time."""
        if not now and time.monotonic() - self._last < EVERY:
            return
        self._last = time.monotonic()
        work = partial(runs.record, run=self._run, jobs=tuple(self._jobs))
        try:
            in_transaction(self._engine, work)
        except DatabaseFault:  # it is away: with the next
            return
        self._jobs.clear()

    def end(self, state: Ending) -> None:
        """Store the rest, and how the run ended."""
        self.keep(now=True)
        try:
            in_transaction(self._engine, partial(runs.end, run=self._run, state=state))
        except DatabaseFault:  # the next run of this machine finds out
            return


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
