"""registry.database.connecting.engines."""

from contextlib import contextmanager

import pytest
from places import execute, rows
from sqlalchemy import text

from registry.database.connecting.connection import open_whole
from registry.database.connecting.transactions import answer_of


def process(session):
    """The server's process that answers."""
    return session.scalar(text("SELECT pg_backend_pid()"))


@contextmanager
def processes_of(url, *, kept):
    """Asks for the server's process, as often as it is called, on one engine."""
    with open_whole(url, kept=kept) as engine:
        yield lambda: answer_of(engine, process)


def test_each_use_has_a_connection_of_its_own(url):
    """One that idles while weights are read might be ended meanwhile."""
    with processes_of(url, kept=False) as ask:
        assert ask() != ask()


def test_a_connection_is_kept(url):
    """Use after use has the same."""
    with processes_of(url, kept=True) as ask:
        assert ask() == ask() == ask()


def test_a_kept_connection_has_no_transaction(url):
    """Between two uses it holds neither a lock nor a moment of the database."""
    with processes_of(url, kept=True) as ask:
        [state] = rows(url, f"SELECT state FROM pg_stat_activity WHERE pid = {ask()}")
    assert state == ("idle",)


@pytest.mark.parametrize("times", [1, 3])
def test_a_kept_connection_that_was_ended_is_replaced(url, times):
    """Nobody hears of it, as often as it happens."""
    with processes_of(url, kept=True) as ask:
        for _ in range(times):
            before = ask()
            execute(url, f"SELECT pg_terminate_backend({before})")
            assert ask() != before
