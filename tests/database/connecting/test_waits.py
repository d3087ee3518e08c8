"""registry.database.connecting.waits: who waits for a lock says so, and for whom."""

import signal
import threading

import psycopg
import pytest
from command_line import start
from embedded_servers import eventually
from places import execute, rows
from pooler import Pooler
from sqlalchemy import text

import registry
from registry.database.connecting import waits
from registry.database.connecting.connection import open_database
from registry.database.connecting.engines import engine_to
from registry.database.connecting.transactions import in_transaction
from registry.database.keeping.migrate import LOCK, upgrade
from registry.errors import LockTimeout, SchemaBusy

WRITERS = "SELECT pg_advisory_xact_lock(hashtext('registry.models'))"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    """Waits that are told after a moment."""
    monkeypatch.setattr(waits, "SILENCE", 0.2)
    monkeypatch.setattr(waits, "INTERVAL", 0.2)


@pytest.fixture
def other(url):
    """Another program's session, in a transaction."""
    with psycopg.connect(f"{url}&application_name=theirs") as connection:
        yield connection


def heard(caplog, pid):
    """The notices that name this process."""
    return [line for line in caplog.messages if f"theirs, process {pid}" in line]


def release_when_told(other, caplog):
    """End the other transaction once it was named, or in the end."""

    def wait():
        eventually(lambda: heard(caplog, other.info.backend_pid), 20)
        other.rollback()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.mark.parametrize(
    "lock", [WRITERS, "LOCK TABLE registry_tables.models"], ids=["writer", "table"]
)
def test_a_wait_is_told_with_whom_it_is_for(url, model, other, caplog, lock):
    """Another writer, or whoever holds a table: said once, and then the work goes on."""
    other.execute(lock)
    with registry.Registry(url) as known:
        thread = release_when_told(other, caplog)
        known.ingest(model)
        thread.join()
        assert [summary.name for summary in known.models()] == ["model"]
    assert len(heard(caplog, other.info.backend_pid)) == 1


def test_a_short_wait_is_not_told(url, model, other, caplog, monkeypatch):
    """Writers take turns all the time."""
    monkeypatch.setattr(waits, "SILENCE", 30.0)
    other.execute(WRITERS)
    timer = threading.Timer(0.3, other.rollback)
    with registry.Registry(url) as known:
        timer.start()
        known.ingest(model)
    timer.join()
    assert caplog.messages == []


@pytest.mark.parametrize("silence", [0.1, 30.0], ids=["seen before", "looked up after"])
def test_a_lock_timeout_names_the_holder(url, other, monkeypatch, silence):
    """Where the user's own lock_timeout ends the wait, the error says who was in the way."""
    monkeypatch.setattr(waits, "SILENCE", silence)
    other.execute("LOCK TABLE registry_tables.models")
    with (
        registry.Registry(f"{url}&options=-c%20lock_timeout=500ms") as known,
        pytest.raises(LockTimeout, match=f"theirs, process {other.info.backend_pid}"),
    ):
        known.models()


@pytest.mark.slow
def test_an_interrupt_ends_the_wait(url, model, other, tmp_path, monkeypatch):
    """Ctrl-C is heard while a lock is waited for, and nothing is written."""
    monkeypatch.setenv("REGISTRY_DATA_DIR", str(tmp_path / "data"))
    other.execute(WRITERS)
    process = start("ingest", model)
    assert eventually(lambda: rows(url, WAITING) == [(1,)], 60)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode
    other.rollback()
    assert rows(url, "SELECT count(*) FROM models") == [(0,)]
    assert rows(url, WAITING) == [(0,)]


@pytest.mark.parametrize(
    "lock",
    [f"SELECT pg_advisory_xact_lock({LOCK})", "LOCK TABLE registry_tables.models"],
    ids=["upgrade", "table"],
)
def test_an_upgrade_that_waits_says_so(own_url, caplog, monkeypatch, lock):
    """For another upgrade, or for whoever uses a table; and its error names them."""
    from registry.database.keeping import migrate

    monkeypatch.setattr(migrate, "SILENCE", 0.1)
    execute(own_url, "DROP TABLE registry_tables.ledgers CASCADE")
    execute(own_url, "UPDATE registry_version SET version_num = '0009'")
    with psycopg.connect(f"{own_url}&application_name=theirs") as other:
        other.execute(lock)
        with pytest.raises(SchemaBusy, match="theirs, process"):
            upgrade(engine_to(own_url), "the address", lock_timeout="1500ms")
        assert heard(caplog, other.info.backend_pid)


def test_a_pooler_keeps_nothing_of_an_upgrade(empty_url):
    """Behind one in transaction mode neither the lock nor the timeouts stay in the sessions of others."""
    with Pooler(empty_url) as pooler:
        for _ in range(2):
            with open_database(pooler.url) as engine:
                upgrade(engine, "the address")
            timeouts = (
                "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
            )
            for _ in range(4):
                assert rows(pooler.url, timeouts) == [("0", "0")]
        advisory = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        assert rows(empty_url, advisory) == [(0,)]


def test_a_pooler_that_lets_us_wait_is_told(url, caplog, monkeypatch):
    """It takes the connection, and no transaction begins."""
    with Pooler(url) as pooler:
        engine = engine_to(pooler.url)
        in_transaction(engine, lambda session: session.scalar(text("SELECT 1")))
        assert caplog.messages == []
        monkeypatch.setattr(waits, "BEGIN_SILENCE", 0.2)
        pooler.flowing.clear()
        threading.Timer(0.6, pooler.flowing.set).start()
        assert in_transaction(engine, lambda session: session.scalar(text("SELECT 1"))) == 1
    assert len(caplog.messages) == 1
    assert "has begun no transaction for" in caplog.text


def test_a_database_that_falls_silent_is_told(url, caplog):
    """One that answers neither the transaction nor a second connection; both go on when it does."""
    with Pooler(url) as pooler:
        engine = engine_to(f"{pooler.url}?connect_timeout=2")

        def work(session):
            pooler.flowing.clear()
            timer = threading.Timer(3.5, pooler.flowing.set)
            timer.start()
            return session.scalar(text("SELECT 1"))

        assert in_transaction(engine, work) == 1
    assert "takes no other connection (connection timeout expired)" in caplog.text
