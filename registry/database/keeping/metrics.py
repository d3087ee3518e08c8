"""What is measured of a registry that runs for months: counts, ages and sizes, by one query."""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from registry.database.connecting.connection import open_database
from registry.database.connecting.transactions import answer_of
from registry.database.stored import spool
from registry.database.tables.schema import REVISION

STATE = text("""
    SELECT current_setting('server_version') AS postgres,
        pg_database_size(current_database()) AS size,
        (SELECT count(*) FROM registry_tables.families) AS families,
        (SELECT jsonb_agg(jsonb_build_array(kind, fingerprint_version, models))
            FROM registry_tables.model_counts WHERE models > 0) AS models,
        (SELECT jsonb_agg(jsonb_build_array(verdict, judged, due, oldest, newest)) FROM (
            SELECT verdict, count(*) AS judged, count(*) FILTER (WHERE due) AS due,
                extract(epoch FROM now() - min(judged_at)) AS oldest,
                extract(epoch FROM now() - max(judged_at)) AS newest
            FROM registry_tables.verdicts GROUP BY verdict
        ) AS by_verdict) AS verdicts,
        (SELECT jsonb_object_agg(state, runs) FROM (
            SELECT state, count(*) AS runs FROM registry_tables.runs GROUP BY state
        ) AS by_state) AS runs,
        extract(epoch FROM now() - last.ended_at) AS ended,
        (SELECT count(*) FROM registry_tables.jobs
            WHERE run_id = last.id AND state = 'failed') AS failed,
        (SELECT extract(epoch FROM now() - min(seen_at)) FROM registry_tables.runs
            WHERE state = 'running') AS silent
    FROM (SELECT) AS one
    LEFT JOIN (
        SELECT id, ended_at FROM registry_tables.runs
        WHERE ended_at IS NOT NULL ORDER BY ended_at DESC, id DESC LIMIT 1
    ) AS last ON true
""")
"""Lists are NULL where there is nothing."""


@dataclass(frozen=True)
class ModelCount:
    """How many models of a kind have fingerprints of a version."""

    kind: str
    version: int
    models: int


@dataclass(frozen=True)
class VerdictCount:
    """How many models have a verdict, and how many of these are due to be judged again.

    Attributes:
        oldest: Seconds since the first of them was judged.
        newest: Seconds since the last of them was.
    """

    verdict: str
    judged: int
    due: int
    oldest: float
    newest: float


@dataclass(frozen=True)
class RunCounts:
    """Runs over many sources.

    Attributes:
        by_state: How many there are of each state.
        ended: Seconds since the last that ended did; None where none has.
        failed: How many of its sources failed.
        silent: Seconds since that of the running ones gave a sign which is silent for the longest.
    """

    by_state: dict[str, int]
    ended: float | None
    failed: int
    silent: float | None


@dataclass(frozen=True)
class State:
    """What one look at a database says.

    Attributes:
        schema: The revision that it stands at.
        size: Of the database, in bytes.
    """

    postgres: str
    schema: str
    size: int
    families: int
    models: tuple[ModelCount, ...]
    verdicts: tuple[VerdictCount, ...]
    runs: RunCounts


@dataclass(frozen=True)
class Spool:
    """Fingerprints that wait in files.

    Attributes:
        oldest: Seconds since the first of them was written; None where none waits.
    """

    files: int
    oldest: float | None


def measure() -> State:
    """Look at the configured database. Raises DatabaseError."""
    with open_database() as engine:
        return answer_of(engine, state_of)


def state_of(session: Session) -> State:
    """Return what the tables say now, by one query. Raises DBAPIError."""
    row = session.execute(STATE).one()
    return State(
        postgres=row.postgres,
        schema=REVISION,
        size=row.size,
        families=row.families,
        models=tuple(ModelCount(*values) for values in row.models or ()),
        verdicts=tuple(verdict_count(*values) for values in row.verdicts or ()),
        runs=RunCounts(
            by_state=row.runs or {},
            ended=None if row.ended is None else age(row.ended),
            failed=row.failed,
            silent=None if row.silent is None else age(row.silent),
        ),
    )


def verdict_count(verdict: str, judged: int, due: int, oldest: Any, newest: Any) -> VerdictCount:
    """Return the count of one verdict."""
    return VerdictCount(verdict, judged, due, age(oldest), age(newest))


def age(seconds: Any) -> float:
    """Return an age; 0 of what is of tomorrow, for the server's clock was put back."""
    return max(0.0, float(seconds))


def spooled() -> Spool:
    """Look at what waits in the data folder, for which no database is needed."""
    files = spool.files()
    times = [written for written in map(spool.written_at, files) if written]
    oldest = max(0.0, time.time() - min(times) / 1e9) if times else None
    return Spool(len(files), oldest)
