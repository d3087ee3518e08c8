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
    NotUnicode,
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
    """Yield an engine on a database: the given, else REGISTRY_DATABASE_URL, else the embedded one.

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
        server.connected() as address,
        engine_on(address, embedded=True, overrides=server.client) as engine,
    ):
        yield engine


def embedded_server() -> "Server":
    """Return the embedded server of the configured data folder.

    Raises ServerUnavailable on a platform without one.
    """
    try:
        # Windows lacks what it needs.
        from registry.database.embedded.server import Server  # noqa: PLC0415
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
    with checked(given, overrides) as (engine, revision):
        if revision is not None and revision < REVISION and not embedded:
            raise SchemaOlder(url=shown(engine.url), revision=revision)
        if revision != REVISION:
            upgrade(engine, shown(engine.url))
        if embedded:
            update_extension(engine)
        yield engine


@contextmanager
def checked(
    given: str, overrides: dict[str, Any] | None = None
) -> Iterator[tuple[Engine, str | None]]:
    """Yield an engine on a server that will do, and the schema revision it stands at.

    Raises DatabaseUnreachable, DatabaseTooOld, VectorMissing, SchemaNewer.
    """
    url = normalised(given)
    # a pooler in transaction mode hands on connections that know no statement by name
    parameters = {"connect_timeout": 10, "prepare_threshold": None} | (overrides or {})
    engine = create_engine(url, connect_args=parameters)
    try:
        with translated(url):
            with engine.connect() as connection:
                check_server(connection, url)
                revision = settled_revision(connection)
            if revision is not None and revision > REVISION:
                raise SchemaNewer(url=shown(url), revision=revision)
            yield engine, revision
    finally:
        engine.dispose()


def settled_revision(connection: Connection) -> str | None:
    """Return the schema revision; of an older schema, once no other command upgrades it."""
    revision = schema_revision(connection)
    if revision is None or revision >= REVISION:
        return revision
    connection.rollback()
    wait_for_upgrade(connection)
    return schema_revision(connection)


def normalised(given: str) -> URL:
    """Return a SQLAlchemy URL for psycopg from whatever spelling of a Postgres URL.

    Raises BadDatabaseURL.
    """
    try:
        url = make_url(re.sub(r"^postgres://", "postgresql://", given.strip()))
    except (ArgumentError, ValueError) as exc:
        raise BadDatabaseURL(reason="it is not a URL") from exc
    backend = url.get_backend_name()
    if backend != "postgresql":
        raise BadDatabaseURL(reason=f"it speaks of {backend}")
    return url.set(drivername="postgresql+psycopg")


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Raise driver errors as RegistryErrors: a connection may fail at any time."""
    try:
        yield
    except OperationalError as exc:
        raise DatabaseUnreachable(url=shown(url), reason=reason(exc)) from exc
    except DBAPIError as exc:
        raise DatabaseFailed(reason=reason(exc)) from exc
    except UnicodeEncodeError as exc:
        raise NotUnicode(text=exc.object) from exc


def reason(exc: DBAPIError) -> str:
    """Return the driver's first line, without its address lists."""
    lines = str(exc.orig).strip().splitlines() or [type(exc.orig).__name__]
    return lines[0].rstrip(".")


def check_server(connection: Connection, url: URL) -> None:
    """Raise DatabaseTooOld, or VectorMissing where the extension can not even be created."""
    number = connection.scalar(text("SELECT current_setting('server_version_num')::integer"))
    version = number // 10_000
    if version < OLDEST:
        raise DatabaseTooOld(url=shown(url), version=version)

    available = text("SELECT count(*) FROM pg_available_extensions WHERE name = :name")
    if not connection.scalar(available, {"name": EXTENSION}):
        raise VectorMissing(url=shown(url), reason="it is not installed on that server")


def schema_revision(connection: Connection) -> str | None:
    """Return the migration that the database stands at; None for one without our tables."""
    table = connection.scalar(text("SELECT to_regclass('registry_version')"))
    if table is None:
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM registry_version"))
    return revision


def shown(url: URL) -> str:
    """Return the URL as a user may see it, without the password."""
    return url.render_as_string(hide_password=True).replace("+psycopg", "")
