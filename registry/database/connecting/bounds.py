"""How long a transaction may wait for a lock, run a statement and do nothing.

The bounds are set in each transaction anew and end with it: nothing stays in a session that a
pooler hands on to others, and nothing is asked for as the connection starts, which a pooler
refuses. What is set already, by the address, the role or the database, holds instead.
"""

from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, event, text

OPTION = "registry_bounds"
"""Execution option of an engine or a connection: the bounds of its transactions."""
PROCESS = "registry_process"
"""Under this name a connection's `info` has the number of the server's process."""


@dataclass(frozen=True)
class Bounds:
    """What ends a transaction that is stuck, as Postgres writes times.

    Attributes:
        purpose: What such transactions are for.
        lock: To wait for one lock.
        statement: To run one statement, its waits for locks included.
        idle: For us to do something between two statements of a transaction.
    """

    purpose: str
    lock: str
    statement: str
    idle: str

    @property
    def settings(self) -> dict[str, str]:
        """The settings of Postgres, by name."""
        return {
            "lock_timeout": self.lock,
            "statement_timeout": self.statement,
            "idle_in_transaction_session_timeout": self.idle,
        }


READING = Bounds("reading an answer", lock="1min", statement="10min", idle="5min")
WRITING = Bounds("storing or changing something", lock="10min", statement="20min", idle="5min")
"""A writer waits for longer than another one that does nothing is left alone."""
WHOLE = Bounds(
    "reading, writing or indexing all there is", lock="10min", statement="12h", idle="1h"
)


def bound(engine: Engine) -> None:
    """Have every transaction of an engine begin with its bounds."""
    event.listen(engine, "begin", set_bounds)


def with_bounds(engine: Engine, bounds: Bounds) -> Engine:
    """Return the same engine with these bounds, unless others were chosen before."""
    if OPTION in engine.get_execution_options():
        return engine
    options: dict[str, Any] = {OPTION: bounds}
    return engine.execution_options(**options)


def set_bounds(connection: Connection) -> None:
    """Bound a transaction that begins, and note which process of the server it is in."""
    options = connection.get_execution_options()
    bounds = options.get(OPTION, READING)
    if options.get("isolation_level") == "AUTOCOMMIT":
        set_for_session(connection, bounds)
        return
    row = connection.exec_driver_sql(statement_of(bounds)).one()
    connection.info[PROCESS] = row[0]


def set_for_session(connection: Connection, bounds: Bounds) -> None:
    """Bound statements that stand in no transaction, such as VACUUM, where the session is ours.

    It ends with the connection. A pooler's session does not: its process is not the one that the
    connection was told of.
    """
    underneath = connection.connection.driver_connection
    assert isinstance(underneath, psycopg.Connection)
    process = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    if process == underneath.info.backend_pid:
        connection.exec_driver_sql(statement_of(bounds, local=False))


def process_of(connection: Connection) -> int:
    """Return the number of the server's process that a transaction is in; begin one if need be.

    The driver's own may be a pooler's.
    """
    if not connection.in_transaction():
        connection.begin()
    if PROCESS not in connection.info:  # an engine of somebody else's
        connection.info[PROCESS] = connection.scalar(text("SELECT pg_backend_pid()"))
    process: int = connection.info[PROCESS]
    return process


def statement_of(bounds: Bounds, *, local: bool = True) -> str:
    """Return the statement that sets bounds where none are set.

    local: Whether until the transaction ends, else until the session does.
    """
    settings = []
    for name, value in bounds.settings.items():
        stated = f"coalesce(nullif(current_setting('{name}'), '0'), '{value}')"
        settings.append(f"set_config('{name}', {stated}, {local})")
    return f"SELECT pg_backend_pid(), {', '.join(settings)}"
