"""From an address to an engine: how we connect, and in which form answers come."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event

from registry import settings
from registry.database.connecting.addresses import Address, parsed
from registry.database.connecting.bounds import bound
from registry.errors import BadDatabaseURL

if TYPE_CHECKING:
    from registry.database.embedded.server import Server

BINARY = "registry_binary"
"""Execution option of a query whose rows come in Postgres' binary form."""
KEPT: dict[str, Any] = {"poolclass": QueuePool, "pool_size": 1, "pool_pre_ping": True}
"""How an engine keeps one connection; what is needed beside it is closed after use."""
DEFAULTS: dict[str, Any] = {
    "connect_timeout": 10,  # seconds
    "prepare_threshold": None,  # a pooler hands on connections that know no statement by name
    # a peer that has gone without a word is noticed within half a minute
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
}
"""libpq's and psycopg's connection parameters, where the URL does not say otherwise."""


def engine_to(given: str, server: "Server | None" = None, *, kept: bool = False) -> Engine:
    """Return an engine that opens a connection for each use, and closes it after; or keeps one.

    One that was kept is asked whether it still answers before it is used again: it may have ended
    while weights were read for minutes. The engine's URL holds no secret; the driver alone is
    handed them. Raises BadDatabaseURL.
    """
    address = parsed(given)
    pool = KEPT if kept else {"poolclass": NullPool}
    engine = create_engine(address.url, **pool)
    connect_by(engine, address, server)
    bound(engine)
    return engine


def connect_by(
    engine: Engine, address: Address, server: "Server | None" = None, role: str | None = None
) -> None:
    """Have an engine connect by an address, or to the embedded server, by our parameters.

    role: At the embedded server; None for the owner's.
    """
    application = settings.application_name()

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _record: Any, _arguments: Any, made: dict[str, Any]) -> Any:
        parameters = DEFAULTS | {"fallback_application_name": application}
        parameters["context"] = made["context"]  # how SQLAlchemy has the driver read values
        if server:
            return embedded_connection(server, partial(dialect.connect, **parameters), role)
        try:
            return dialect.connect(**{**parameters, **address.parameters})
        except psycopg.ProgrammingError as exc:  # before anything was sent
            raise BadDatabaseURL(reason=str(exc).strip()) from exc

    event.listen(engine, "before_cursor_execute", choose_format)


def choose_format(
    _connection: Connection,
    cursor: Any,
    _statement: str,
    _parameters: Any,
    context: Any,
    _many: Any,
) -> None:
    """Have the server answer in binary what is asked for with the option BINARY.

    Bytes come twice as long and twice as slowly as text.
    """
    if context is not None and context.execution_options.get(BINARY):
        cursor.format = psycopg.pq.Format.BINARY


def embedded_connection(
    server: "Server", connect: Callable[..., Any], role: str | None = None
) -> Any:
    """Return a connection to the embedded server, which is started again if it has ended.

    Its address is then another. Raises ServerUnavailable, ServerFailed, OperationalError.

    role: None for the owner's.
    """
    address = server.url_of(role) if role else server.url()
    if address:
        with suppress(psycopg.OperationalError):  # it ends, or recovers
            return connect(**parsed(address).parameters, **server.client)
    started = server.address()
    if role:
        started = server.url_of(role) or started
    return connect(**parsed(started).parameters, **server.client)
