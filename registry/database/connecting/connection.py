"""From a URL, or none, to an engine on a database that has the right schema."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import URL, Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from registry import settings
from registry.database.connecting.addresses import shown
from registry.database.connecting.engines import engine_to
from registry.database.connecting.failures import error_of
from registry.database.connecting.patience import first_connection
from registry.database.keeping.migrate import (
    extension_is_behind,
    update_extension,
    upgrade,
    version_table,
    wait_for_upgrade,
)
from registry.database.keeping.roles import ensure_roles, roles_are_given
from registry.database.tables.column_types import TABLES
from registry.database.tables.columns import check_tables, missing_columns
from registry.database.tables.schema import REVISION
from registry.errors import (
    DatabaseTooOld,
    NotUnicode,
    SchemaNewer,
    SchemaOlder,
    SchemaUnknown,
    SchemaUnstated,
    ServerUnavailable,
    VectorMissing,
)

if TYPE_CHECKING:
    from registry.database.embedded.server import Server

OLDEST = 15  # Postgres
EXTENSION = "vector"
REVISIONS = re.compile(r"(?!0000)[0-9]{4}")
"""How all revisions of the schema are written."""


class Standing(NamedTuple):
    """A database that answers.

    revision: of its schema; None without our tables. in_order: whether all that was asked for is
    there, so that nothing need be looked at again.
    """

    engine: Engine
    revision: str | None
    in_order: bool


@contextmanager
def open_database(
    url: str | None = None, *, whole: bool = False, kept: bool = False
) -> Iterator[Engine]:
    """Yield an engine on a database: the given, else REGISTRY_DATABASE_URL, else the embedded one.

    A database without our tables gets them; the embedded one is also upgraded. Raises
    DatabaseError.

    Args:
        url: Of the database.
        whole: Whether all columns must be there.
        kept: Whether a connection is kept between two uses of the engine; else each is a new one.
    """
    given = url or settings.database_url()
    if given:
        with engine_on(given, whole=whole, kept=kept) as engine:
            yield engine
        return
    server = embedded_server()
    with (
        server.connected() as address,
        engine_on(address, server=server, whole=whole, kept=kept) as engine,
    ):
        yield engine


@contextmanager
def open_whole(url: str | None = None, *, kept: bool = False) -> Iterator[Engine]:
    """Yield an engine on a database, as `open_database` does, whose tables are all there.

    Raises DatabaseError.
    """
    with open_database(url, whole=True, kept=kept) as engine:
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
    given: str, server: "Server | None" = None, *, whole: bool = False, kept: bool = False
) -> Iterator[Engine]:
    """Yield an engine on a database whose schema is up to date.

    server: the embedded server that the database is of. whole, kept: as `open_database` has them.
    """
    with standing(given, server, whole=whole, kept=kept) as (engine, revision, in_order):
        if revision is not None and revision < REVISION and not server:
            raise SchemaOlder(url=shown(engine.url), revision=revision)
        if revision != REVISION:
            upgrade(engine, shown(engine.url))
        if server and not in_order:
            update_extension(engine)
            ensure_roles(engine)
        if whole and not in_order:
            check_tables(engine)
        yield engine


@contextmanager
def checked(given: str, server: "Server | None" = None) -> Iterator[tuple[Engine, str | None]]:
    """Yield an engine on a server that will do, and the schema revision it stands at.

    Raises DatabaseFault, DatabaseTooOld, VectorMissing, SchemaNewer, SchemaUnknown, SchemaUnstated.
    """
    with standing(given, server) as (engine, revision, _):
        yield engine, revision


@contextmanager
def standing(
    given: str, server: "Server | None" = None, *, whole: bool = False, kept: bool = False
) -> Iterator[Standing]:
    """Yield an engine on a server that will do, and how the database stands, by one connection.

    Raises what `checked` does.
    """
    engine = engine_to(given, server, kept=kept)
    try:
        with translated(engine):
            with first_connection(engine) as connection:
                check_server(connection, engine.url)
                revision = settled_revision(connection, engine.url)
                in_order = revision == REVISION and is_in_order(
                    connection, embedded=server is not None, whole=whole
                )
            yield Standing(engine, revision, in_order)
    finally:
        engine.dispose()


def is_in_order(connection: Connection, *, embedded: bool, whole: bool) -> bool:
    """Return whether a database has all that an embedded one has, and all columns if asked."""
    if embedded and (extension_is_behind(connection) or not roles_are_given(connection)):
        return False
    return not whole or not missing_columns(connection)


def settled_revision(connection: Connection, url: URL) -> str | None:
    """Return the schema revision; of an older schema, once no other command upgrades it.

    Raises SchemaNewer, SchemaUnknown, SchemaUnstated.
    """
    revision = schema_revision(connection, url)
    if revision is not None and not REVISIONS.fullmatch(revision):
        raise SchemaUnknown(url=shown(url), revision=revision)
    if revision is not None and revision > REVISION:
        raise SchemaNewer(url=shown(url), revision=revision)
    if revision is None or revision == REVISION:
        return revision
    connection.rollback()
    wait_for_upgrade(connection)
    return schema_revision(connection, url)


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Raise driver errors as RegistryErrors: a connection may fail at any time."""
    try:
        yield
    except DBAPIError as exc:
        raise error_of(exc, engine.url) from exc
    except UnicodeEncodeError as exc:
        raise NotUnicode(text=exc.object) from exc


def check_server(connection: Connection, url: URL) -> None:
    """Raise DatabaseTooOld, or VectorMissing where the extension can not even be created."""
    number = connection.scalar(text("SELECT current_setting('server_version_num')::integer"))
    version = number // 10_000
    if version < OLDEST:
        raise DatabaseTooOld(url=shown(url), version=version)

    available = text("SELECT count(*) FROM pg_available_extensions WHERE name = :name")
    if not connection.scalar(available, {"name": EXTENSION}):
        raise VectorMissing(url=shown(url), reason="it is not installed on that server")


def schema_revision(connection: Connection, url: URL) -> str | None:
    """Return the migration that the database stands at; None for one without our tables.

    Raises SchemaUnstated.
    """
    table = version_table(connection)
    if table is None:
        return None
    query = text(f"SELECT version_num FROM {table} LIMIT 2")  # noqa: S608  # the catalogue's name
    revisions = sorted(connection.scalars(query))
    if len(revisions) > 1:
        raise SchemaUnstated(url=shown(url), reason=f"it holds {' and '.join(revisions)}")
    if revisions:
        return str(revisions[0])
    if is_table(connection, f"{TABLES}.models") or is_table(connection, "models"):
        raise SchemaUnstated(url=shown(url), reason="it is empty")
    return None


def is_table(connection: Connection, name: str) -> bool:
    """Return whether the database has a table of that name."""
    return connection.scalar(text("SELECT to_regclass(:name)"), {"name": name}) is not None
