"""Running the migrations, from a checkout or from an installed wheel."""

import re
import time
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, NotSupportedError, ProgrammingError

from registry.database.connecting.failures import kind_of, reason, sqlstate
from registry.database.connecting.waits import OF_UPGRADE, SILENCE, holder, named, watched
from registry.database.keeping.roles import give_rights_again
from registry.errors import DatabaseError, SchemaBroken, SchemaBusy, TablesTaken, VectorMissing
from registry.notices import WriterWaits, notify

LOCK = 7_241_509_911  # as migrations/env.py has it
EXTENSION = re.compile(r'extension|type "?vector"? does not exist')
"""What is said where pgvector is not there, or where no name without a schema finds it."""
PATIENCE = 30.0  # seconds that a command waits for the upgrade of another
TIMED_OUT = ("55P03", "57014")
"""SQLSTATEs of a wait that lock_timeout ended, and of a statement that statement_timeout did."""


def migrations() -> Path:
    """Return the folder of the migrations: in an installed package, or beside it in a checkout."""
    package = Path(__file__).parents[2]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def upgrade(
    engine: Engine,
    shown: str,
    revision: str = "head",
    *,
    lock_timeout: str | None = None,
    statement_timeout: str | None = None,
) -> None:
    """Migrate upwards, one transaction a migration, while other upgrades wait.

    Args:
        engine: the database.
        shown: its address as errors name it.
        revision: where to stop.
        lock_timeout: how long to wait for a lock, as Postgres writes it; None for what
            migrations/env.py says.
        statement_timeout: how long one statement may take, likewise.

    Raises:
        VectorMissing: where the extension may not be created.
        SchemaBusy: where a timeout ended the upgrade. Migrations that were complete stay; the next
            upgrade goes on.
        SchemaBroken: where the tables are not those of the revision that the database states.
        TablesTaken: where it states none, and has tables of these names.
    """
    from alembic import command  # noqa: PLC0415  # only an upgrade pays for the import
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    if lock_timeout:
        config.attributes["lock_timeout"] = lock_timeout
    if statement_timeout:
        config.attributes["statement_timeout"] = statement_timeout
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        config.attributes["waiting"] = UpgradeWait()
        try:
            with watched(engine, connection):
                connection.rollback()
                command.upgrade(config, revision)
        except DBAPIError as exc:
            kind = upgrade_error(exc)
            if kind is None:
                raise
            stated = revision_now(connection)
            if kind is SchemaBroken and stated is None:
                kind = TablesTaken
            culprit = holder(engine) if kind is SchemaBusy else ""
            raise kind(url=shown, reason=reason(exc), revision=stated, holder=culprit) from exc
        connection.commit()
    give_rights_again(engine)


def upgrade_error(exc: DBAPIError) -> type[DatabaseError] | None:
    """Return what an error means to an upgrade; None where it means what it does elsewhere."""
    state = sqlstate(exc)
    if EXTENSION.search(reason(exc)) and isinstance(exc, ProgrammingError | NotSupportedError):
        return VectorMissing
    if state in TIMED_OUT:
        return SchemaBusy
    if state.startswith("42") and kind_of(state) is SchemaBroken:
        return SchemaBroken
    return None


def revision_now(connection: Connection) -> str | None:
    """Return the revision that an upgrade has come to; None where it is not known."""
    if connection.invalidated:
        return None
    connection.rollback()
    try:
        table = version_table(connection)
        query = text(f"SELECT version_num FROM {table}")  # noqa: S608  # the catalogue's name
        revision: str | None = connection.scalar(query)
    except DBAPIError:
        return None
    return revision


def version_table(connection: Connection) -> str | None:
    """Return the table that states the revision; before 0011 it stood beside others' tables."""
    query = text(
        "SELECT coalesce(to_regclass('registry_tables.registry_version'),"
        " to_regclass('registry_version'))::text"
    )
    table: str | None = connection.scalar(query)
    return table


def wait_for_upgrade(connection: Connection) -> None:
    """Wait until no upgrade is at work, or for PATIENCE.

    Midway the schema is at one of the revisions between. Between two looks the transaction
    ends, for an upgrade may wait for all that are open.
    """
    wait = UpgradeWait()
    while time.monotonic() < wait.began + PATIENCE:
        if not upgrading(connection):
            return
        wait(connection)
        time.sleep(0.05)


def upgrading(connection: Connection) -> str:
    """Return who upgrades the schema now; empty for nobody."""
    key = {"high": LOCK >> 32, "low": LOCK & 0xFFFFFFFF}
    sessions = named(connection.execute(OF_UPGRADE, key))
    connection.rollback()
    return sessions


class UpgradeWait:
    """Tells once, after a silence, whose upgrade is waited for; called while the wait goes on."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.told = False

    def __call__(self, connection: Connection) -> None:
        """Look, if it is time, who upgrades."""
        if self.told or time.monotonic() < self.began + SILENCE:
            return
        sessions = upgrading(connection)
        if sessions:
            notify(WriterWaits(holder=sessions))
            self.told = True


def extension_is_behind(connection: Connection) -> bool:
    """Return whether the server's binaries of pgvector are newer than its objects here."""
    query = text(
        "SELECT installed_version <> default_version"
        " FROM pg_available_extensions WHERE name = 'vector'"
    )
    return bool(connection.scalar(query))


def update_extension(engine: Engine) -> None:
    """Bring pgvector's objects to the version of the server's binaries, if these have moved on."""
    with engine.begin() as connection:
        if extension_is_behind(connection):
            connection.execute(text("ALTER EXTENSION vector UPDATE"))
