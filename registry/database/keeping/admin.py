"""Looking after the database: what `registry db` does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, select, text

from registry import settings
from registry.database.connecting.addresses import parsed, shown
from registry.database.connecting.connection import (
    checked,
    embedded_server,
    open_database,
    schema_revision,
    translated,
)
from registry.database.keeping.migrate import upgrade
from registry.database.keeping.roles import Granted, Role, make_roles
from registry.database.stored import spool
from registry.database.tables.schema import REVISION, Model
from registry.errors import NoEmbeddedServer

if TYPE_CHECKING:
    from registry.database.embedded.server import Server

VERSIONS = text(
    "SELECT current_setting('server_version'),"
    " (SELECT extversion FROM pg_extension WHERE extname = 'vector')"
)


@dataclass(frozen=True)
class Status:
    """What is known of the database without changing it; None where that cannot be known.

    waiting: fingerprints that `registry flush` stores.
    """

    kind: str
    running: bool
    url: str | None
    data_dir: str | None
    postgres: str | None = None
    pgvector: str | None = None
    schema: str | None = None
    models: int | None = None
    waiting: int | None = None


def embedded(action: str) -> "Server":
    """Return the embedded server. Raises NoEmbeddedServer where another database is configured."""
    if settings.database_url():
        raise NoEmbeddedServer(action=action)
    return embedded_server()


def start(port: int | None = None) -> str:
    """Start the embedded server, to stay until `stop`, with the schema; return the analysts' URL.

    port: of 127.0.0.1, to be opened for analysts with a password. Raises PortTaken.
    """
    server = embedded("start")
    from registry.database.embedded import urls  # noqa: PLC0415  # Windows lacks what it needs

    server.start()
    with open_database():
        pass
    if port is not None:
        return urls.opened(server, port)
    return urls.lasting_url(server, Role.ANALYST)


def stop() -> bool:
    """Stop the embedded server; return False if it was not running."""
    return embedded("stop").stop()


def url(*, owner: bool = False) -> str:
    """Return an address for psql and other clients; the embedded server stays up from here on.

    owner: the owner's of the embedded server, not the analysts'. Another database's is as given.
    """
    given = settings.database_url()
    if given:
        return parsed(given).for_psql()
    address = start()
    if not owner:
        return address
    from registry.database.embedded import urls  # noqa: PLC0415  # as above

    return urls.lasting_url(embedded_server(), urls.OWNER)


def roles(logins: Sequence[tuple[str, Role]] = ()) -> Granted:
    """Make the roles of the configured database, and grant them to login users.

    Raises RolesRefused, NoSuchLogin.
    """
    with open_database() as engine, translated(engine):
        return make_roles(engine, logins)


def upgrade_schema() -> str:
    """Bring the schema of the configured database up to date; return its revision."""
    given = settings.database_url()
    if given:
        with checked(given) as (engine, _):
            upgrade(engine, shown(engine.url))
    else:
        with open_database():
            pass
    return REVISION


def status() -> Status:
    """Look at the configured database; a stopped embedded server is left stopped."""
    waiting = len(spool.files())
    given = settings.database_url()
    if given:
        address = parsed(given).shown
        external = Status("external", running=True, url=address, data_dir=None, waiting=waiting)
        return inspected(given, external)

    server = embedded_server()
    data_dir = str(server.data_dir)
    url = server.url() if server.running() else None
    if url is None:
        return Status("embedded", running=False, url=None, data_dir=data_dir, waiting=waiting)
    running = Status("embedded", running=True, url=url, data_dir=data_dir, waiting=waiting)
    return inspected(url, running)


def inspected(address: str, outside: Status) -> Status:
    """Return a status with what the server itself says."""
    with checked(address) as (engine, _), engine.connect() as connection:
        postgres, pgvector = connection.execute(VERSIONS).one()
        schema = schema_revision(connection, engine.url)
        return replace(
            outside,
            postgres=postgres,
            pgvector=pgvector,
            schema=schema,
            models=count(connection, schema),
        )


def count(connection: Connection, schema: str | None) -> int | None:
    """Return how many models are registered; None without our tables."""
    return connection.scalar(select(func.count()).select_from(Model)) if schema else None
