"""SQL as an analyst runs it: read-only, with a timeout, row by row, and errors as sentences."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import TransactionStatus
from psycopg.types import TypeInfo
from sqlalchemy import Engine

from registry import settings
from registry.database.connecting.addresses import parsed, shown
from registry.database.connecting.connection import (
    embedded_server,
    engine_on,
    open_database,
    translated,
)
from registry.database.keeping.role_statements import SETTINGS
from registry.database.keeping.roles import Role
from registry.database.keeping.statements import Statement, spot_of
from registry.errors import (
    ConnectionLost,
    CopyRefused,
    NotUnicode,
    QueryAdvised,
    QueryFailed,
    QueryMayNot,
    QueryTooLong,
)
from registry.notices import NoAnalyst, notify

AS_ANALYST = (
    "(SELECT set_config('role', rolname, true) FROM pg_roles WHERE rolname = 'registry_analyst'"
    " AND pg_has_role(current_user, oid, 'MEMBER')"
    " AND has_schema_privilege(oid, 'registry', 'USAGE'))"
)
CHOSEN = (
    "SELECT name, setting FROM pg_settings"
    " WHERE source = 'session' AND name NOT LIKE 'transaction%'"
)
"""What SET has changed, and those that we set ourselves."""
DECLARE = "DECLARE registry_answer NO SCROLL CURSOR FOR "
FETCH = "FETCH 1000 FROM registry_answer"
CLOSE = "CLOSE registry_answer"
FIRST_WORD = re.compile(r"\(|\w+")
ASKING = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "("})
"""First words of statements whose answer the server keeps until it is read."""
KINDS: dict[str | None, type[QueryFailed]] = {
    "57014": QueryTooLong,
    "42501": QueryMayNot,
    "25001": QueryMayNot,
    "25006": QueryMayNot,
}


@dataclass(frozen=True)
class Column:
    """A column of an answer.

    Attributes:
        type: As Postgres writes it, such as `double precision`.
    """

    name: str
    type: str


@dataclass(frozen=True)
class Answer:
    """What a statement answers: rows that are read while they come.

    Attributes:
        columns: None where the statement has no answer, as SET has none.
    """

    columns: tuple[Column, ...]
    rows: Iterator[tuple[Any, ...]]


class VectorLoader(Loader):
    """Reads a pgvector vector as a list of numbers."""

    def load(self, data: Buffer) -> list[float]:
        """Return the numbers; floats that read back equal."""
        return [float(number) for number in json.loads(bytes(data))]


class AnalystSession:
    """A connection that reads alone, as an analyst; each of its transactions begins as one.

    A session keeps nothing of it, for a pooler hands on the session to whoever comes next.
    """

    def __init__(self, connection: psycopg.Connection, *, takes_role: bool) -> None:
        """Find schema registry on a connection, and give vectors as lists.

        takes_role: Whether the connection is another role's.
        """
        self.connection = connection
        self.role = AS_ANALYST if takes_role else "current_user"
        self.settings = dict(SETTINGS)
        connection.autocommit = False
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self.is_analyst = self.begin()
        for name in ("vector", "halfvec"):
            kind = TypeInfo.fetch(connection, name)
            if kind:
                kind.register(connection)
                connection.adapters.register_loader(kind.oid, VectorLoader)
        connection.rollback()

    @property
    def closed(self) -> bool:
        """Whether the connection has ended."""
        return self.connection.closed

    def begin(self) -> bool:
        """Become an analyst in a new transaction; return whether the server lets us.

        Within a transaction nothing is done.
        """
        if self.connection.info.transaction_status is not TransactionStatus.IDLE:
            return True
        parts = [self.role] + ["set_config(%s, %s, true)"] * len(self.settings)
        values = [text for pair in self.settings.items() for text in pair]
        query = f"SELECT {', '.join(parts)}".encode()
        row = self.connection.execute(query, values, prepare=False).fetchone()
        return row is not None and row[0] is not None

    def end(self) -> None:
        """End the transaction, which changed nothing; what SET chose holds for the next ones."""
        self.begin()
        self.settings.update(self.connection.execute(CHOSEN).fetchall())
        self.connection.rollback()

    def give_up(self) -> None:
        """End a transaction that failed."""
        self.connection.rollback()


@contextmanager
def analyst_session() -> Iterator[AnalystSession]:
    """Yield a session of the configured database that reads alone, as an analyst.

    To the embedded one as its analyst; to another as given, in the role of an analyst where the
    server has it and lets us. Raises DatabaseError.
    """
    given = settings.database_url()
    if given:
        with engine_on(given) as engine, session_on(engine) as session:
            yield session
        return
    server = embedded_server()
    with open_database():
        address = server.url_of(Role.ANALYST) or ""
        with psycopg.connect(address, **server.client) as connection:
            yield AnalystSession(connection, takes_role=False)


@contextmanager
def session_on(engine: Engine) -> Iterator[AnalystSession]:
    """Yield a session on a connection of an engine that reads alone, as an analyst if that may be.

    Raises DatabaseError.
    """
    with translated(engine):
        pooled = engine.raw_connection()
    try:
        connection = pooled.driver_connection
        assert isinstance(connection, psycopg.Connection)
        session = AnalystSession(connection, takes_role=True)
        if not session.is_analyst:
            notify(NoAnalyst(url=shown(engine.url)))
        yield session
    finally:
        with suppress(psycopg.Error):
            pooled.invalidate()


def answer(
    session: AnalystSession,
    statement: Statement,
    whole: str,
    values: Sequence[object] | None = None,
) -> Answer:
    """Run a statement, and return its rows as they come.

    Args:
        whole: The text that it stands in, for the place of an error.
        values: Of the statement's %s; None where a % is a %.

    Raises QueryFailed, CopyRefused, NotUnicode, ConnectionLost.
    """
    connection = session.connection
    text = statement.text
    if "\0" in text:
        raise NotUnicode(text=text)
    if values is not None:
        text = psycopg.ClientCursor(connection).mogrify(text, values)
    word = FIRST_WORD.match(text)
    first_word = word[0].upper() if word else ""
    with sentences(connection, statement, whole):
        if first_word == "COPY":
            raise CopyRefused
        session.begin()
        if first_word in ASKING:
            return fetched(connection, statement, whole, text)
        cursor = connection.execute(text.encode(), prepare=False)
        if cursor.description is None:
            return Answer((), iter(()))
        return Answer(columns_of(cursor), iter(cursor.fetchall()))


def fetched(connection: psycopg.Connection, statement: Statement, whole: str, text: str) -> Answer:
    """Return the answer to a query, of which the server keeps what was not read yet."""
    cursor = connection.cursor()
    cursor.execute((DECLARE + text).encode(), prepare=False)
    cursor.execute(FETCH)
    columns = columns_of(cursor)
    first = cursor.fetchall()
    return Answer(columns, further(connection, statement, whole, first))


def further(
    connection: psycopg.Connection,
    statement: Statement,
    whole: str,
    rows: list[tuple[Any, ...]],
) -> Iterator[tuple[Any, ...]]:
    """Yield rows that were read, then those that the server still has."""
    with sentences(connection, statement, whole):
        while rows:
            yield from rows
            rows = connection.execute(FETCH).fetchall()
        connection.execute(CLOSE)


def columns_of(cursor: psycopg.Cursor) -> tuple[Column, ...]:
    """Return the columns of what a cursor has read."""
    return tuple(Column(each.name, each.type_display) for each in cursor.description or ())


@contextmanager
def sentences(connection: psycopg.Connection, statement: Statement, whole: str) -> Iterator[None]:
    """Raise the driver's errors of a statement as ours."""
    try:
        yield
    except psycopg.Error as exc:
        if connection.closed or connection.broken:
            address = shown(parsed(connection.info.dsn).url)
            raise ConnectionLost(url=address, reason=first_line(exc)) from exc
        raise failure(exc, statement, whole) from exc


def failure(exc: psycopg.Error, statement: Statement, whole: str) -> QueryFailed:
    """Return the error of a statement: where it is wrong, why, and what the server advises."""
    position = int(exc.diag.statement_position or 1) - 1
    if position and FIRST_WORD.match(statement.text)[0].upper() in ASKING:  # type: ignore[index]
        position -= len(DECLARE)
    place = statement.start + max(position, 0)
    spot = spot_of(whole, place)
    reason = (exc.diag.message_primary or first_line(exc)).rstrip(".")
    hint = (exc.diag.message_hint or "").rstrip(".")
    kind = KINDS.get(exc.sqlstate, QueryAdvised if hint else QueryFailed)
    return kind(line=spot.line, column=spot.column, reason=reason, hint=hint)


def first_line(exc: psycopg.Error) -> str:
    """Return what the driver says, in a line."""
    lines = str(exc).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(exc).__name__
