"""registry.database.connecting.transactions: a lost connection loses no work."""

import os
import signal

import pytest
from embedded_servers import eventually, postmaster
from places import execute, rows
from pooler import Pooler
from sqlalchemy import text

import registry
from registry.database.connecting import patience
from registry.database.connecting.connection import open_database
from registry.database.connecting.driver import driver
from registry.database.connecting.engines import engine_to
from registry.database.connecting.transactions import answer_of, in_transaction
from registry.database.stored.fingerprints import Outcome
from registry.errors import CommitUnknown, DatabaseUnreachable, ModelNotFound, ServerEnding

END = text("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.fixture
def engine(url):
    """An engine on a migrated database."""
    with open_database(url) as opened:
        yield opened


def ending(times):
    """Work that loses its connection so many times, then answers how often it ran."""
    runs = []

    def work(session):
        runs.append(session)
        if len(runs) <= times:
            session.execute(END)
        return len(runs)

    return work


def test_a_transaction_that_is_cut_runs_again(engine, caplog):
    """On a fresh connection, and the user is told."""
    assert in_transaction(engine, ending(1)) == 2
    assert "trying again on a fresh one" in caplog.text


def test_twice_is_enough(engine):
    """What is cut a second time is an error."""
    with pytest.raises(ServerEnding, match="ended the connection"):
        in_transaction(engine, ending(2))


@pytest.mark.parametrize("state", ["40001", "40P01", "57P01", "57P05", "08006"])
def test_states_that_pass(engine, state):
    """A conflict, a server that ends and a connection that is lost are worth a second attempt."""
    runs = []

    def work(session):
        runs.append(state)
        if len(runs) == 1:
            session.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$"))

    in_transaction(engine, work)
    assert len(runs) == 2


def test_an_error_of_ours_runs_once(engine):
    """What work itself refuses is not tried again."""
    runs = []

    def work(_session):
        runs.append(1)
        raise ModelNotFound(name="x")

    with pytest.raises(ModelNotFound, match="'x'"):
        in_transaction(engine, work)
    assert runs == [1]


def test_no_connection_is_held(engine, url):
    """Between two transactions the server knows nothing of us."""
    in_transaction(engine, lambda session: session.execute(text("SELECT 1")).all())
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'registry%'"
    assert eventually(lambda: rows(url, others) == [(0,)])  # the server may take a moment


def test_a_commit_whose_answer_is_lost_is_told_as_it_was(url, model):
    """The second attempt finds the model stored, and the answer is that it was new."""
    with Pooler(url) as pooler, registry.Registry(pooler.url) as known:
        pooler.commits_to_lose = 1
        assert known.not_compared() == {}  # a read whose commit is lost is read again
        assert pooler.commits_to_lose == 0
        assert ingested_with_lost_commit(pooler, known, model).outcome is Outcome.NEW
        assert [summary.name for summary in known.models()] == ["model"]


def ingested_with_lost_commit(pooler, known, model):
    """Ingest, with the answer to the commit lost that stores the model."""
    from registry.workflows import ingest

    store = ingest.store

    def losing(*arguments):
        pooler.commits_to_lose = 1
        return store(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest, "store", losing)
        return known.ingest(model)


def test_a_removal_whose_commit_is_lost_is_told_as_it_was(url, model):
    """That the model is gone at the second attempt shows that the first one removed it."""
    with Pooler(url) as pooler, registry.Registry(pooler.url) as known:
        known.ingest(model)
        pooler.commits_to_lose = 1
        assert known.remove("model").name == "model"
        with pytest.raises(ModelNotFound, match="model"):
            known.remove("model")


def test_a_commit_that_nobody_can_vouch_for(url, model):
    """Where the answer is lost twice, it is said that the change may have been made."""
    with Pooler(url) as pooler, registry.Registry(pooler.url) as known:
        pooler.commits_to_lose = 2
        with pytest.raises(CommitUnknown, match="may have been made or not"):
            known.models()


def test_a_server_that_is_away_for_a_moment(engine, monkeypatch):
    """One that restarts is waited for; one that does not come back is an error, in time."""
    monkeypatch.setattr(patience, "PATIENCE", 0.3)
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.05)
    connect, refusals = engine.connect, iter(range(3))

    def refusing():
        if next(refusals, None) is not None:
            engine_to("postgresql://u@/x?host=/nonexistent").connect()
        return connect()

    monkeypatch.setattr(engine, "connect", refusing)
    assert in_transaction(engine, lambda session: session.scalar(text("SELECT 1"))) == 1
    away = engine_to("postgresql://u@/x?host=/nonexistent")
    with pytest.raises(DatabaseUnreachable, match="nonexistent"):
        in_transaction(away, lambda _session: None)


def test_a_pooler_without_its_server_is_waited_for(url, caplog):
    """It takes connections all the while, and refuses their first statements."""
    with Pooler(url) as pooler:
        engine = engine_to(pooler.url)
        pooler.statements_to_refuse = 2
        assert in_transaction(engine, lambda session: session.scalar(text("SELECT 1"))) == 1
        assert pooler.statements_to_refuse == 0
    assert "takes no connection (server conn crashed?); trying again for up to 90 s" in caplog.text


@pytest.mark.parametrize("messages", [3, 40, 150])
def test_a_connection_that_is_cut_anywhere(url, model, messages):
    """At any message of storing a model: it is stored once, as if nothing had been."""
    with Pooler(url) as pooler, registry.Registry(pooler.url) as known:
        pooler.messages_to_cut = messages
        assert known.ingest(model).outcome is Outcome.NEW
        assert pooler.messages_to_cut is None
    assert rows(url, "SELECT count(*), min(name) FROM models") == [(1, "model")]


def test_a_stream_that_is_cut(url, model):
    """Rows by the driver's own COPY, of which some have come: all are asked for again."""
    query = "COPY (SELECT generate_series(1, 1000)) TO STDOUT"
    with Pooler(url) as pooler:

        def work(session):
            with driver(session) as cursor, cursor.copy(query) as stream:
                return sum(1 for _ in stream.rows())

        pooler.answers_to_cut = 500
        assert in_transaction(engine_to(pooler.url), work) == 1000
        assert pooler.answers_to_cut is None


def test_everything_works_through_a_pooler(url, model):
    """In transaction mode, each transaction on another connection: nothing is kept in the session."""
    with Pooler(url) as pooler:
        for _ in range(2):
            with registry.Registry(pooler.url) as known:
                known.ingest(model)
                assert known.identify(model).verdict.model == "model"
                assert known.identify_quickly(model).verdict.model == "model"
        assert pooler.transactions > 10
    assert rows(url, "SELECT count(*) FROM models") == [(1,)]


def test_an_ended_backend_between_reading_and_storing(url, model, monkeypatch):
    """All sessions of the database are ended while weights are read: nothing is lost."""
    from registry.workflows import ingest

    read = ingest.read

    def reading(*arguments, **options):
        execute(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        return read(*arguments, **options)

    monkeypatch.setattr(ingest, "read", reading)
    with registry.Registry(url) as known:
        assert known.ingest(model).outcome is Outcome.NEW


def test_an_answer_is_of_one_moment(engine, url, model):
    """What another command removes between two queries of an answer is there for both."""
    with registry.Registry(url) as known:
        known.ingest(model)
        count = text("SELECT count(*) FROM models")

        def counted(session):
            before = session.scalar(count)
            known.remove("model")
            return before, session.scalar(count)

        assert answer_of(engine, counted) == (1, 1)
        assert known.models() == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "stopped"])
def test_the_embedded_server_ends_while_weights_are_read(make, model, monkeypatch, number):
    """It is started again, at another address, and what was read is stored there."""
    from registry.workflows import ingest

    server = make()
    monkeypatch.delenv("REGISTRY_DATABASE_URL", raising=False)
    monkeypatch.setenv("REGISTRY_DATA_DIR", str(server.data_dir))
    read = ingest.read

    def reading(*arguments, **options):
        os.kill(postmaster(server), number)
        return read(*arguments, **options)

    monkeypatch.setattr(ingest, "read", reading)
    with registry.Registry() as known:
        assert known.ingest(model).outcome is Outcome.NEW
        assert [summary.name for summary in known.models()] == ["model"]
