"""Many short questions at a time, by a few connections that read alone, as an analyst.

What is asked is answered within seconds or given up. Connections that a restart has cut are
replaced: the question is asked once more, and the next ones go to the new server.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoneFree
from sqlalchemy.orm import Session

from registry import settings
from registry.database.connecting.addresses import parsed
from registry.database.connecting.connection import (
    embedded_server,
    engine_on,
    open_whole,
    translated,
)
from registry.database.connecting.engines import connect_by
from registry.database.connecting.failures import sqlstate
from registry.database.connecting.patience import CUT
from registry.database.keeping.analysis import AS_ANALYST
from registry.database.keeping.roles import Role
from registry.errors import PoolBusy

if TYPE_CHECKING:
    from registry.database.embedded.server import Server

T = TypeVar("T")

CONNECTIONS = 8
WAIT = 10.0  # seconds for a connection that is free
STATEMENT = "10s"  # as Postgres writes times; of one question
LOCK = "3s"  # likewise; only an upgrade takes locks that readers wait for
IDLE = "30s"
BOUNDS = (
    "set_config('search_path', 'registry, public', true), set_config('jit', 'off', true),"
    f" set_config('statement_timeout', '{STATEMENT}', true),"
    f" set_config('lock_timeout', '{LOCK}', true),"
    f" set_config('idle_in_transaction_session_timeout', '{IDLE}', true)"
)
CURRENT_USER = "current_user"


class Reader:
    """Answers questions from a database, several at a time, and changes nothing in it.

    Attributes:
        is_away: Whether somebody found that the database had gone, and it has not answered since.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.is_away = False

    def ask(self, question: Callable[[Session], T]) -> T:
        """Return what a function reads, all of it from the database as it was at one moment.

        It may run twice. Raises RegistryError; PoolBusy where no connection gets free.
        """
        with translated(self.engine):
            try:
                return self._once(question)
            except NoneFree as exc:
                raise PoolBusy(seconds=WAIT) from exc
            except DBAPIError as exc:
                if sqlstate(exc) not in CUT:
                    raise
            return self._once(question)  # the pool has let go of what was cut

    def _once(self, question: Callable[[Session], T]) -> T:
        """Return what a function reads."""
        with self.engine.connect() as connection, Session(connection) as session:
            answer = question(session)
        self.is_away = False
        return answer


@contextmanager
def reading_pool(size: int = CONNECTIONS) -> Iterator[Reader]:
    """Yield a reader of the configured database, by so many connections at most.

    Of the embedded database they are its analyst's; of another as given, in the role of an analyst
    where the server has it and lets us. Raises DatabaseError.
    """
    given = settings.database_url()
    if given:
        with engine_on(given, whole=True), pooled(given, size) as engine:
            yield Reader(engine)
        return
    server = embedded_server()
    with open_whole(), pooled(server.address(), size, server) as engine:
        yield Reader(engine)


@contextmanager
def pooled(given: str, size: int, server: "Server | None" = None) -> Iterator[Engine]:
    """Yield an engine that keeps connections for the next question.

    server: The embedded server that the database is of.
    """
    address = parsed(given)
    engine = create_engine(
        address.url, poolclass=QueuePool, pool_size=size, max_overflow=0, pool_timeout=WAIT
    )
    connect_by(engine, address, server, Role.ANALYST if server else None)
    event.listen(engine, "connect", read_only)
    role = CURRENT_USER if server else AS_ANALYST
    statement = f"SELECT {role}, {BOUNDS}"

    @event.listens_for(engine, "begin")
    def become_reader(connection: Connection) -> None:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})

    try:
        yield engine
    finally:
        with suppress(psycopg.Error):
            engine.dispose()


def read_only(connection: Any, _record: Any) -> None:
    """Have each transaction of a new connection read alone, and see one moment."""
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
