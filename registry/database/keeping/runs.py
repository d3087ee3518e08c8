"""Bulk runs and their jobs: kept as they go, and looked up before the next run."""

import os
import platform
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import RowMapping, and_, func, insert, or_, select, text, update
from sqlalchemy.orm import Session

from registry.database.curating.events import actor
from registry.database.stored.models import CURRENT
from registry.database.tables.run_tables import JobRow, RunRow
from registry.database.tables.schema import Model
from registry.database.tables.text_limits import fitting
from registry.errors import NameTaken, RunNotFound

SILENT = timedelta(hours=1)
"""Without a sign, after which a run counts as killed."""


class Ending(StrEnum):
    """How a run ended, as far as anybody knows."""

    RUNNING = "running"
    ENDED = "ended"
    STOPPED = "stopped"
    """By a signal, or because the database stayed away."""
    KILLED = "killed"


@dataclass(frozen=True)
class NewRun:
    """A run that begins."""

    engine: str
    workers: int
    sources: int
    skipped: int
    tool_version: str


@dataclass(frozen=True)
class NewJob:
    """What became of one source, as it is stored.

    name, family: what was asked for. model: what it is registered as; None where it is not.
    """

    source: str
    place: str
    host: str | None
    name: str | None
    family: str | None
    stamp: str | None
    outcome: str | None
    model: str | None
    error: str | None
    reason: str | None
    lasting: bool
    rank: int
    size: int | None
    seconds: float
    attempts: int


@dataclass(frozen=True)
class Run:
    """A run with its counts."""

    id: int
    started_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    state: str
    actor: str
    host: str
    process: int
    engine: str
    workers: int
    sources: int
    skipped: int
    done: int
    new: int
    failed: int
    size: int
    tool_version: str


@dataclass(frozen=True)
class Job:
    """What became of one source of a run."""

    id: int
    run: int
    source: str
    place: str
    host: str | None
    name: str | None
    family: str | None
    state: str
    outcome: str | None
    model: str | None
    error: str | None
    reason: str | None
    lasting: bool
    rank: int
    size: int | None
    seconds: float
    attempts: int
    ended_at: datetime


@dataclass(frozen=True)
class Failure:
    """Why a source failed when it was tried last. name: what it was to be registered as."""

    error: str
    reason: str
    name: str | None = None

    @property
    def is_for_its_name(self) -> bool:
        """Whether other weights were registered under its name."""
        return self.error == NameTaken.__name__


def begin(session: Session, run: NewRun, alive: Collection[int]) -> int:
    """Store a run that begins; return its number.

    Args:
        alive: The processes of this machine. Its runs of others were killed, as was any that has
            given no sign for an hour: its process may have given its number to another. One that
            does live on says so with its next sign.
    """
    host = str(fitting("runs.host", platform.node() or "unknown"))
    is_gone = and_(RunRow.host == host, RunRow.process.not_in(alive))
    is_silent = RunRow.seen_at < func.clock_timestamp() - SILENT
    killed = update(RunRow).where(RunRow.state == Ending.RUNNING, or_(is_gone, is_silent))
    session.execute(killed.values(state=Ending.KILLED))
    row = RunRow(
        actor=fitting("runs.actor", actor()),
        host=host,
        process=os.getpid(),
        engine=run.engine,
        workers=run.workers,
        sources=run.sources,
        skipped=run.skipped,
        tool_version=fitting("runs.tool_version", run.tool_version),
    )
    session.add(row)
    session.flush()
    return row.id


def record(session: Session, run: int, jobs: Sequence[NewJob], before: int) -> None:
    """Store what became of sources, and that the run is alive.

    Args:
        before: How many jobs of the run were stored before. Where there are more, these were too,
            by a transaction whose end nobody heard of.
    """
    count = select(func.count()).select_from(JobRow).where(JobRow.run_id == run)
    if jobs and session.scalar(count) == before:
        numbers = numbers_of(session, {job.model for job in jobs if job.model is not None})
        session.execute(insert(JobRow), [values_of(run, job, numbers) for job in jobs])
    sign = {"seen_at": func.clock_timestamp(), "state": Ending.RUNNING}
    session.execute(update(RunRow).where(RunRow.id == run).values(**sign))


def values_of(run: int, job: NewJob, numbers: dict[str, int]) -> dict[str, Any]:
    """Return the columns of a job."""
    values = {
        "source": job.source,
        "place": job.place,
        "host": job.host,
        "name": job.name,
        "family": job.family,
        "error": job.error,
        "reason": job.reason,
    }
    fitted = {name: fitting(f"jobs.{name}", value) for name, value in values.items()}
    return {
        **fitted,
        "run_id": run,
        "stamp": job.stamp,
        "state": "failed" if job.error else "done",
        "outcome": job.outcome,
        "model_id": numbers.get(job.model or ""),
        "lasting": job.lasting,
        "rank": job.rank,
        "size": job.size,
        "seconds": job.seconds,
        "attempts": job.attempts,
    }


def numbers_of(session: Session, names: Collection[str]) -> dict[str, int]:
    """Return the numbers of models by name."""
    query = select(Model.name, Model.id).where(Model.name.in_(names), CURRENT)
    return {row.name: row.id for row in session.execute(query)}


def end(session: Session, run: int, state: Ending) -> None:
    """Store how a run ended."""
    now = func.clock_timestamp()
    values = {"state": state, "seen_at": now, "ended_at": now}
    session.execute(update(RunRow).where(RunRow.id == run).values(**values))


def done_before(session: Session, stamps: Collection[str], rank: int) -> dict[str, str]:
    """Return the models of sources that need not be read again, by the stamps of these."""
    query = select(JobRow.stamp, Model.name).join(Model, Model.id == JobRow.model_id)
    query = query.where(JobRow.stamp.in_(stamps), JobRow.rank >= rank, CURRENT)
    return {stamp: name for stamp, name in session.execute(query) if stamp}


def failed_before(session: Session, stamps: Collection[str]) -> dict[str, Failure]:
    """Return why sources failed that would fail again, by their stamps.

    One that failed for its name would while that is taken.
    """
    query = select(JobRow.stamp, JobRow.error, JobRow.reason, JobRow.name)
    would_again = or_(JobRow.lasting, JobRow.error == NameTaken.__name__)
    query = query.where(JobRow.stamp.in_(stamps), would_again).order_by(JobRow.id)
    failures = {}
    for stamp, error, reason, name in session.execute(query):
        if stamp:
            failures[stamp] = Failure(error or "", reason or "", name)
    return failures


LEFT = text("""
    SELECT source, name, family FROM (
        SELECT DISTINCT ON (host, place) id, source, name, family, state FROM registry_tables.jobs
        ORDER BY host, place, id DESC
    ) AS newest
    WHERE state = 'failed' ORDER BY id
""")


def left_over(session: Session) -> list[tuple[str, str | None, str | None]]:
    """Return the sources that failed when they were tried last, each with its name and family."""
    return [(row.source, row.name, row.family) for row in session.execute(LEFT)]


RUNS = text("SELECT * FROM registry.runs ORDER BY id DESC LIMIT :most")
JOBS = text("""
    SELECT * FROM registry.jobs
    WHERE (:run IS NULL OR run = :run) AND (NOT :failed OR state = 'failed') ORDER BY id
""")


def runs(session: Session, most: int) -> list[Run]:
    """Return the newest runs, the newest first."""
    return [Run(**row) for row in mappings(session.execute(RUNS, {"most": most}).mappings())]


def jobs(session: Session, run: int, *, failed: bool) -> list[Job]:
    """Return what became of the sources of a run, or of those that failed. Raises RunNotFound."""
    if session.get(RunRow, run) is None:
        raise RunNotFound(run=run)
    rows = session.execute(JOBS, {"run": run, "failed": failed}).mappings()
    return [Job(**row) for row in mappings(rows)]


def mappings(rows: Iterable[RowMapping]) -> list[dict[str, Any]]:
    """Return rows as keywords."""
    return [dict(row) for row in rows]
