"""A transaction on a connection of its own, run once more where that is lost.

Whatever runs here comes to the same when it runs again: it reads, or it stores what is stored once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from registry.database.connecting.addresses import shown
from registry.database.connecting.bounds import READING, WRITING, process_of, with_bounds
from registry.database.connecting.connection import translated
from registry.database.connecting.failures import error_of, kind_of, reason, sqlstate
from registry.database.connecting.patience import CUT, fresh_connection
from registry.database.connecting.waits import Watch, holder, watching
from registry.errors import CommitUnknown, LockTimeout, RegistryError
from registry.notices import Reconnecting, notify

T = TypeVar("T")

PASSING = CUT | {"40001", "40P01"}
"""SQLSTATEs of a transaction that may well succeed on a fresh connection."""


class CommitLost(Exception):  # noqa: N818  # never leaves this module
    """The connection went while the server committed; holds what would have been answered."""

    def __init__(self, answer: object) -> None:
        super().__init__()
        self.answer = answer


def answer_of(engine: Engine, question: Callable[[Session], T]) -> T:
    """Return what a function reads, all of it from the database as it was at one moment.

    Another command may remove a model between two of its queries. Raises RegistryError.
    """
    reading = with_bounds(engine, READING)
    one_moment = reading.execution_options(isolation_level="REPEATABLE READ")
    return in_transaction(one_moment, question)


def in_transaction(
    engine: Engine,
    work: Callable[[Session], T],
    *,
    done: type[RegistryError] | tuple[()] = (),
) -> T:
    """Run work in a transaction, and return its answer once that is committed.

    Where the connection is lost, or two transactions were in each other's way, all of it runs
    once more.

    Args:
        engine: Makes a new connection for each attempt.
        work: May run twice.
        done: What the second attempt raises where the first was committed after all.

    Raises RegistryError; CommitUnknown where nobody can tell whether the change was made.
    """
    engine = with_bounds(engine, WRITING)
    with translated(engine):
        try:
            return attempt(engine, work)
        except CommitLost as lost:
            failure = cause_of(lost)
            answers = [lost.answer]
        except DBAPIError as exc:
            if sqlstate(exc) not in PASSING:
                raise
            failure = exc
            answers = []

        notify(Reconnecting(reason=reason(failure)))
        try:
            return attempt(engine, work)
        except done:
            if not answers:
                raise
            return answers[0]  # type: ignore[return-value]  # it is what work answered
        except (CommitLost, DBAPIError) as exc:
            if not answers and isinstance(exc, DBAPIError):
                raise
            raise CommitUnknown(url=shown(engine.url), reason=reason(failure)) from exc


def check_answers(engine: Engine) -> None:
    """Raise DatabaseFault unless a database that was there takes a connection, soon enough."""
    with translated(engine):
        connection = fresh_connection(engine)
    with suppress(DBAPIError):  # it has answered
        connection.close()


def attempt(engine: Engine, work: Callable[[Session], T]) -> T:
    """Run work in a transaction once. Raises DBAPIError, CommitLost and what work raises."""
    with (
        watching(engine) as watch,
        fresh_connection(engine, watch.tell) as connection,
        Session(connection, join_transaction_mode="control_fully") as session,
    ):
        watch.follow(process_of(connection))
        with lock_timeouts_told(engine, watch):
            answer = work(session)
            try:
                session.commit()
            except DBAPIError as exc:
                if sqlstate(exc) not in PASSING or sqlstate(exc).startswith("40"):
                    raise
                raise CommitLost(answer) from exc
        return answer


@contextmanager
def lock_timeouts_told(engine: Engine, watch: Watch) -> Iterator[None]:
    """Name who held the lock where a wait was ended by the user's own lock_timeout."""
    try:
        yield
    except DBAPIError as exc:
        if kind_of(sqlstate(exc)) is not LockTimeout:
            raise
        culprit = watch.holder or holder(engine)
        raise error_of(exc, engine.url, holder=culprit) from exc


def cause_of(lost: CommitLost) -> DBAPIError:
    """Return the driver's error behind a lost commit."""
    assert isinstance(lost.__cause__, DBAPIError)
    return lost.__cause__
