"""registry.database.keeping.metrics: what is measured of a database and of the spool."""

import os
import time

import pytest
from places import execute
from sqlalchemy import event

import registry
from registry.database.connecting.connection import open_database
from registry.database.connecting.transactions import answer_of
from registry.database.keeping.metrics import (
    ModelCount,
    RunCounts,
    Spool,
    measure,
    spooled,
    state_of,
)
from registry.database.stored import spool

RUNS = """
INSERT INTO registry_tables.runs
    (state, ended_at, seen_at, actor, host, process, engine, workers, sources, skipped, tool_version)
SELECT state, now() - ended * interval '1 second', now() - seen * interval '1 second', 'me', 'here', 1, 'local', 1, 3, 0, '0'
FROM (VALUES ('ended', 900, 900), ('ended', 60, 60), ('running', NULL, 300), ('running', NULL, 2), ('killed', NULL, 9000))
    AS given (state, ended, seen);
INSERT INTO registry_tables.jobs (run_id, source, place, state, rank, seconds, attempts)
SELECT runs.id, place, place, job.state, 16, 1, 1 FROM registry_tables.runs,
    (VALUES ('failed', 'a', 60), ('failed', 'b', 60), ('done', 'c', 60), ('failed', 'd', 900)) AS job (state, place, ended)
WHERE ended_at = now() - ended * interval '1 second';
"""


def test_an_empty_registry(url):
    """Nothing is counted, and the database has a size."""
    state = measure()
    assert (state.families, state.models, state.verdicts) == (0, (), ())
    assert state.runs == RunCounts({}, None, 0, None)
    assert state.size > 1_000_000


def test_what_is_registered(url, model):
    """Counts by kind, version and verdict; who is due; ages by the server's clock."""
    with registry.Registry() as known:
        known.ingest(model)
        known.ingest(model.parent / "model", name="again")
    execute(
        url, "UPDATE registry_tables.verdicts SET due = true, judged_at = now() - interval '1 hour'"
    )
    state = measure()
    assert (state.families, state.models) == (1, (ModelCount("model", 3, 1),))
    [count] = state.verdicts
    assert (count.verdict, count.judged, count.due) == ("unknown", 1, 1)
    assert count.oldest == pytest.approx(3600, abs=100)
    assert count.oldest == count.newest


def test_a_clock_that_was_put_back(url, model):
    """A judgement of tomorrow is 0 seconds old."""
    with registry.Registry() as known:
        known.ingest(model)
    execute(url, "UPDATE registry_tables.verdicts SET judged_at = now() + interval '1 day'")
    assert measure().verdicts[0].oldest == 0.0


def test_runs(own_url):
    """Counts by state, the last that ended with its failures, and the running one that is silent."""
    execute(own_url, RUNS)
    runs = measure().runs
    assert runs.by_state == {"ended": 2, "running": 2, "killed": 1}
    assert (runs.ended, runs.failed) == (pytest.approx(60, abs=50), 2)
    assert runs.silent == pytest.approx(300, abs=50)


def test_one_query_asks_for_all(url):
    """Beside that which bounds the transaction."""
    statements = []
    with open_database() as engine:
        event.listen(engine, "after_cursor_execute", lambda *asked: statements.append(asked[2]))
        answer_of(engine, state_of)
    assert len(statements) == 2


def test_an_analyst_may_ask(team_url, monkeypatch):
    """Who changes nothing reads all of it."""
    analyst = team_url.replace("://registry@", "://registry_analyst@")
    monkeypatch.setenv("REGISTRY_DATABASE_URL", analyst)
    state = measure()
    assert sum(count.models for count in state.models) == 8
    assert state.verdicts


def test_the_spool_is_counted_without_a_database(tmp_path, monkeypatch):
    """Files that wait, and how long the first has."""
    monkeypatch.setenv("REGISTRY_DATA_DIR", str(tmp_path))
    assert spooled() == Spool(0, None)
    spool.folder().mkdir()
    for name, age in (("ab.spooled", 100), ("cd.spooled", 7), (".draft.spooled", 900)):
        path = spool.folder() / name
        path.touch()
        written = time.time() - age
        os.utime(path, (written, written))
    waiting = spooled()
    assert waiting.files == 2
    assert waiting.oldest == pytest.approx(100, abs=30)
