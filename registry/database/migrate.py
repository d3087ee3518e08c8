"""Running the migrations, from a checkout or from an installed wheel."""

import time
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from registry.errors import SchemaBusy, VectorMissing

LOCK = 7_241_509_911  # as migrations/env.py has it
PATIENCE = 30.0  # seconds that a command waits for the upgrade of another
TIMED_OUT = ("55P03", "57014")
"""SQLSTATEs of a wait that lock_timeout ended, and of a statement that statement_timeout did."""


def migrations() -> Path:
    """Return the folder of the migrations: in an installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
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
        try:
            command.upgrade(config, revision)
        except ProgrammingError as exc:
            if "extension" in str(exc.orig):
                raise VectorMissing(url=shown, reason=first_line(exc.orig)) from exc
            raise
        except OperationalError as exc:
            if getattr(exc.orig, "sqlstate", None) in TIMED_OUT:
                raise SchemaBusy(url=shown, reason=first_line(exc.orig)) from exc
            raise
        connection.commit()


def first_line(exc: BaseException | None) -> str:
    """Return the first line of what the driver says."""
    return str(exc).splitlines()[0]


def wait_for_upgrade(connection: Connection) -> None:
    """Wait until no upgrade is at work, or for PATIENCE.

    Midway the schema is at one of the revisions between. Between two looks the transaction
    ends, for an upgrade may wait for all that are open.
    """
    holders = text(
        "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
        " WHERE datname = current_database() AND locktype = 'advisory' AND granted"
        " AND classid::bigint = :high AND objid::bigint = :low AND objsubid = 1"
    )
    key = {"high": LOCK >> 32, "low": LOCK & 0xFFFFFFFF}
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        at_work = connection.scalar(holders, key)
        connection.rollback()
        if not at_work:
            return
        time.sleep(0.05)


def update_extension(engine: Engine) -> None:
    """Bring pgvector's objects to the version of the server's binaries, if these have moved on."""
    behind = text(
        "SELECT installed_version <> default_version"
        " FROM pg_available_extensions WHERE name = 'vector'"
    )
    with engine.begin() as connection:
        if connection.scalar(behind):
            connection.execute(text("ALTER EXTENSION vector UPDATE"))
