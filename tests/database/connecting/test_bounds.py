"""registry.database.connecting.bounds: every transaction is bounded, and no session keeps the bounds."""

import re

import pytest
from places import ROOT, execute, rows
from pooler import Pooler
from sqlalchemy import text

from registry.database.connecting import bounds
from registry.database.connecting.bounds import READING, WHOLE, WRITING, with_bounds
from registry.database.connecting.connection import open_database
from registry.database.connecting.engines import engine_to
from registry.database.connecting.transactions import answer_of, in_transaction
from registry.errors import StatementEnded

SET = text(
    "SELECT current_setting('lock_timeout'), current_setting('statement_timeout'),"
    " current_setting('idle_in_transaction_session_timeout')"
)


def bounds_in(session):
    """The bounds that a transaction has."""
    return tuple(session.execute(SET).one())


@pytest.fixture
def engine(url):
    """An engine on a migrated database."""
    with open_database(url) as opened:
        yield opened


def test_each_errand_has_its_bounds(engine):
    """Answers, changes, and what reads or writes the whole; whatever else is done is as an answer."""
    whole = with_bounds(engine, WHOLE)
    assert answer_of(engine, bounds_in) == ("1min", "10min", "5min")
    assert in_transaction(engine, bounds_in) == ("10min", "20min", "5min")
    assert answer_of(whole, bounds_in) == ("10min", "12h", "1h")
    assert in_transaction(whole, bounds_in) == ("10min", "12h", "1h")
    with engine.connect() as connection:
        assert bounds_in(connection) == ("1min", "10min", "5min")


def test_bounds_hold_in_every_transaction_of_a_connection(engine):
    """They end with one, and the next has them again."""
    with engine.connect() as connection:
        for _ in range(2):
            assert bounds_in(connection) == ("1min", "10min", "5min")
            connection.rollback()


def test_no_session_keeps_them(engine):
    """Outside the transaction the session has what it had."""
    with engine.connect() as connection:
        connection.execute(SET)
        connection.commit()
        cursor = connection.connection.driver_connection.execute(SET.text)
        assert cursor.fetchone() == ("0", "0", "0")


@pytest.mark.parametrize("setting", ["2h", "3s"])
def test_what_is_set_already_holds(own_url, setting):
    """Of the address, the role or the database, whether it is longer than ours or shorter."""
    execute(
        own_url,
        f"ALTER ROLE registry IN DATABASE {name_of(own_url)} SET lock_timeout = '{setting}'",
    )
    longer = engine_to(f"{own_url}&options=-c%20statement_timeout={setting}")
    assert answer_of(longer, bounds_in) == (setting, setting, READING.idle)
    execute(own_url, f"ALTER ROLE registry IN DATABASE {name_of(own_url)} RESET ALL")


def name_of(url):
    """The database's name."""
    return rows(url, "SELECT current_database()")[0][0]


def test_a_statement_that_does_not_end_is_ended(engine, monkeypatch):
    """With a sentence, and nothing of it stays."""
    brief = bounds.Bounds("a test", lock="1s", statement="50ms", idle="1s")
    with pytest.raises(StatementEnded, match="statement timeout"):
        answer_of(
            with_bounds(engine, brief), lambda session: session.execute(text("SELECT pg_sleep(9)"))
        )


def test_a_transaction_that_does_nothing_is_ended(url, engine, caplog):
    """By the server, and run once more: what it would have kept from others is free meanwhile."""
    brief = bounds.Bounds("a test", lock="1s", statement="5s", idle="500ms")
    runs = []

    def work(session):
        runs.append(1)
        if len(runs) == 1:
            session.execute(text("LOCK TABLE registry_tables.models"))
            execute(url, "SELECT pg_sleep(1)")
        return session.scalar(text("SELECT 7"))

    assert in_transaction(with_bounds(engine, brief), work) == 7
    assert "idle-in-transaction timeout" in caplog.text


def test_a_pooler_takes_the_connection_and_keeps_no_bounds(url):
    """Nothing is asked for as a connection starts, and the next client finds what there was."""
    with Pooler(url) as pooler:
        engine = engine_to(pooler.url)
        for _ in range(3):
            assert in_transaction(engine, bounds_in)[0] == WRITING.lock
        for _ in range(3):
            assert rows(pooler.url, SET.text) == [("0", "0", "0")]


@pytest.mark.parametrize("pooled", [False, True], ids=["of our own", "a pooler's"])
def test_statements_in_no_transaction(url, pooled):
    """VACUUM and its kind have the bounds of the session, if that ends with the connection."""
    with Pooler(url) as pooler:
        engine = engine_to(pooler.url if pooled else url)
        whole = with_bounds(engine, WHOLE).execution_options(isolation_level="AUTOCOMMIT")
        with whole.connect() as connection:
            expected = ("0", "0", "0") if pooled else ("10min", "12h", "1h")
            assert bounds_in(connection) == expected
            connection.exec_driver_sql("VACUUM registry_tables.families")
            assert bounds_in(connection) == expected
        for _ in range(3):
            assert rows(pooler.url, SET.text) == [("0", "0", "0")]


def test_the_page_has_the_bounds_of_here():
    """docs/operations.md states every bound."""
    page = (ROOT / "docs" / "operations.md").read_text()
    for errand in (READING, WRITING, WHOLE):
        line = re.escape(f"| {errand.lock} | {errand.statement} | {errand.idle} |")
        assert re.search(line, page), errand.purpose
