"""From a URL, or none, to an engine on a database that has the right schema."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from registry import settings
from registry.database.migrate import update_extension, upgrade, wait_for_upgrade
from registry.database.schema import REVISION
from registry.errors import (
    BadDatabaseURL,
    DatabaseFailed,
    DatabaseTooOld,
    DatabaseUnreachable,
    SchemaNewer,
    SchemaOlder,
    ServerUnavailable,
    VectorMissing,
)

if TYPE_CHECKING:
    from registry.database.embedded.server import Server

OLDEST = 15  # Postgres
EXTENSION = "vector"


@contextmanager
def open_database(url: str | None = None) -> Iterator[Engine]:
    """An engine on the given database, else on REGISTRY_DATABASE_URL, else on the embedded server.

    A database without our tables gets them; the embedded one is also upgraded. Raises
    DatabaseError.
    """
    given = url or settings.database_url()
    if given:
        with engine_on(given) as engine:
            yield engine
        return
    server = embedded_server()
    with (
        server.connected() as own,
        engine_on(own, embedded=True, overrides=server.client) as engine,
    ):
        yield engine


def embedded_server() -> "Server":
    """The embedded server in the configured data folder.

    Raises ServerUnavailable on a platform without one.
    """
    try:
        from registry.database.embedded.server import Server  # noqa: PLC0415  # needs what Windows lacks
    except ImportError as exc:
        raise ServerUnavailable(reason="it needs Linux or macOS") from exc
    return Server(settings.data_dir())


@contextmanager
def engine_on(
    given: str, *, embedded: bool = False, overrides: dict[str, Any] | None = None
) -> Iterator[Engine]:
    """Yield an engine on a database whose schema is up to date.

    overrides: libpq's connection parameters.
    """
    with checked(given, overrides) as (engine, found):
        if found is not None and found < REVISION and not embedded:
            raise SchemaOlder(url=shown(engine.url), revision=found)
        if found != REVISION:
            upgrade(engine, shown(engine.url))
        if embedded:
            update_extension(engine)
        yield engine


@contextmanager
def checked(
    given: str, overrides: dict[str, Any] | None = None
) -> Iterator[tuple[Engine, str | None]]:
    """An engine on a server that will do, and the schema revision it stands at.

    Raises DatabaseUnreachable, DatabaseTooOld, VectorMissing, SchemaNewer.
    """
    url = normalised(given)
    engine = create_engine(url, connect_args={"connect_timeout": 10} | (overrides or {}))
    try:
        with translated(url):
            with engine.connect() as connection:
                check_server(connection, url)
                found = schema_revision(connection)
                if found is not None and found < REVISION:
                    connection.rollback()
                    wait_for_upgrade(connection)
                    found = schema_revision(connection)
            if found is not None and found > REVISION:
                raise SchemaNewer(url=shown(url), revision=found)
            yield engine, found
    finally:
        engine.dispose()


def normalised(given: str) -> URL:
    """A SQLAlchemy URL for psycopg from whatever spelling of a Postgres URL.

    Raises BadDatabaseURL.
    """
    try:
        url = make_url(re.sub(r"^postgres://", "postgresql://", given.strip()))
    except (ArgumentError, ValueError) as exc:
        raise BadDatabaseURL(reason="it is not a URL") from exc
    if url.get_backend_name() != "postgresql":
        raise BadDatabaseURL(reason=f"it speaks of {url.get_backend_name()}")
    return url.set(drivername="postgresql+psycopg")


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Driver errors as sentences; the connection may fail at any time, not only at the start."""
    try:
        yield
    except OperationalError as exc:
        raise DatabaseUnreachable(url=shown(url), reason=reason(exc)) from exc
    except DBAPIError as exc:
        raise DatabaseFailed(reason=reason(exc)) from exc


def reason(exc: DBAPIError) -> str:
    """The driver's first line, without its address lists."""
    lines = str(exc.orig).strip().splitlines() or [type(exc.orig).__name__]
    return lines[0].rstrip(".")


def check_server(connection: Connection, url: URL) -> None:
    """Raises DatabaseTooOld, or VectorMissing where the extension can not even be created."""
    number = connection.scalar(text("SELECT current_setting('server_version_num')::integer"))
    if number // 10_000 < OLDEST:
        raise DatabaseTooOld(url=shown(url), version=number // 10_000)
    if not connection.scalar(
        text("SELECT count(*) FROM pg_available_extensions WHERE name = :name"), {"name": EXTENSION}
    ):
        raise VectorMissing(url=shown(url), reason="it is not installed on that server")


def schema_revision(connection: Connection) -> str | None:
    """The migration that the database stands at; None for one without our tables."""
    if connection.scalar(text("SELECT to_regclass('registry_version')")) is None:
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM registry_version"))
    return found


def shown(url: URL) -> str:
    """The URL as a user may see it, without the password."""
    return url.render_as_string(hide_password=True).replace("+psycopg", "")
