"""Runs the migrations: on the connection that the registry hands over, or on REGISTRY_DATABASE_URL for developers.

The lock comes first, within a timeout, so that nobody waits for ever behind an upgrade that is stuck. Every migration
is a transaction of its own: one that was interrupted leaves those before it in place, and may say
`with op.get_context().autocommit_block()` to create an index CONCURRENTLY. Nothing is kept in a session, for a pooler in
transaction mode may give each transaction another: the lock belongs to a transaction beside, the timeouts to each.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from sqlalchemy import Connection, create_engine, event, text

LOCK = 7_241_509_911  # any number, always this one: two upgrades at once take turns
FACE = "registry"  # the schema that analysts read
TABLES = "registry_tables"  # the schema that the package writes
VERSION_TABLE = "registry_version"
COUNTS = ("family_counts", "model_counts")  # which triggers keep
LOCK_TIMEOUT = "30s"  # to wait for another upgrade, or for whoever uses a table
PATH = {"search_path": f"{TABLES}, {FACE}, public"}  # older migrations name no schema
POLL = 0.05  # seconds between two looks at the lock
STATEMENT_TIMEOUT = (
    "15min"  # for one statement; a migration that rewrites a large table may SET its own
)


def migrate(connection: Connection) -> None:
    """Run the migrations that are asked for, giving up rather than blocking a busy database for long."""
    with locked(connection), bounded(connection):
        create_schemas(connection)
        context.configure(
            connection=connection,
            target_metadata=context.config.attributes.get("metadata"),
            version_table=VERSION_TABLE,
            transaction_per_migration=True,
            include_schemas=True,
            include_name=is_ours,
            # comments are the migrations' own
            autogenerate_plugins=["alembic.autogenerate.*", "~alembic.autogenerate.comments"],
        )
        with context.begin_transaction():
            context.run_migrations()


def create_schemas(connection: Connection) -> None:
    """Create the schemas that are missing; where they are there, nobody needs the right to.

    pgvector stands where every other program finds it.
    """
    if connection.scalar(text("SELECT count(*) FROM pg_extension WHERE extname = 'vector'")) == 0:
        connection.exec_driver_sql("CREATE EXTENSION vector SCHEMA public")
    for schema in (TABLES, FACE):
        missing = text("SELECT to_regnamespace(:schema) IS NULL")
        if connection.scalar(missing, {"schema": schema}):
            connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    connection.commit()


def is_ours(name: str | None, kind: str, _parents: dict[str, str | None]) -> bool:
    """Return whether a schema, table or index is compared with the package's own.

    Not so those that only the search knows: which of them there are hangs on the server and on how many models it has.
    """
    if kind == "schema":
        return name == TABLES
    if kind == "index":
        return not str(name).endswith("_search_idx")
    return name not in (VERSION_TABLE, *COUNTS)


def bounds() -> dict[str, str]:
    """Return how long a lock and a statement may take; config.attributes may name other bounds."""
    given = context.config.attributes
    return {
        "lock_timeout": given.get("lock_timeout", LOCK_TIMEOUT),
        "statement_timeout": given.get("statement_timeout", STATEMENT_TIMEOUT),
    }


@contextmanager
def bounded(connection: Connection) -> Iterator[None]:
    """Bound every wait of the migrations, in each transaction anew: behind a pooler, the next is in another session.

    A statement outside a transaction finds the bounds in its session, which loses them in the end.
    """

    def set_bounds(begun: Connection) -> None:
        in_transaction = begun.get_execution_options().get("isolation_level") != "AUTOCOMMIT"
        for name, bound in (bounds() | PATH).items():
            set_bound(begun, name, bound, in_transaction)
        if not in_transaction:
            sessions.append(begun)

    sessions: list[Connection] = []
    event.listen(connection, "begin", set_bounds)
    try:
        yield
    finally:
        event.remove(connection, "begin", set_bounds)
        if sessions and restore(connection):
            for name in bounds() | PATH:
                connection.exec_driver_sql(f"RESET {name}")
            connection.commit()


def set_bound(connection: Connection, name: str, bound: str, in_transaction: bool) -> None:
    """Set a bound for the transaction, or for the session."""
    setting = {"name": name, "bound": bound, "local": in_transaction}
    connection.execute(text("SELECT set_config(:name, :bound, :local)"), setting)


@contextmanager
def locked(connection: Connection) -> Iterator[None]:
    """Hold the lock that makes upgrades take turns, by a transaction on a connection of its own.

    It outlasts the transactions of the single migrations, holds no snapshot, so that no CREATE INDEX CONCURRENTLY
    waits for it, and is given back however the upgrade ends. A lock of a session would stay behind in a pooler's.
    """
    with connection.engine.connect() as holder:
        wait_for_lock(holder)
        yield


def wait_for_lock(holder: Connection) -> None:
    """Take the advisory lock within lock_timeout, else fail as any wait for a lock does.

    Asking again and again rather than waiting inside a statement: CREATE INDEX CONCURRENTLY waits for the end of
    every statement, so that the holder of the lock and we would wait for each other.
    """
    waiting = context.config.attributes.get("waiting")
    set_bound(holder, "lock_timeout", bounds()["lock_timeout"], True)
    setting = "SELECT setting::bigint FROM pg_settings WHERE name = 'lock_timeout'"
    milliseconds = holder.exec_driver_sql(setting).scalar_one()
    holder.rollback()

    deadline = time.monotonic() + milliseconds / 1000
    while time.monotonic() < deadline:
        taken = holder.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({LOCK})").scalar_one()
        if taken:
            keep_open(holder)
            return
        holder.rollback()
        if waiting:
            waiting(holder)
        time.sleep(POLL)
    holder.exec_driver_sql("SET LOCAL lock_timeout = '1ms'")
    holder.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")


def keep_open(holder: Connection) -> None:
    """Let no timeout end the transaction that holds the lock.

    The last statement is none with rows: its portal would hold a snapshot.
    """
    if holder.dialect.server_version_info >= (17,):  # type: ignore[attr-defined]
        holder.exec_driver_sql("SET LOCAL transaction_timeout = 0")
    holder.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")


def restore(connection: Connection) -> bool:
    """End what is left of a transaction; False where the session is gone, and its settings with it."""
    if connection.invalidated:
        return False
    connection.rollback()
    return True


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    from registry.database.tables.schema import Base

    context.config.attributes["metadata"] = Base.metadata
    url = os.environ["REGISTRY_DATABASE_URL"].replace("postgres://", "postgresql://", 1)
    with create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1)).connect() as own:
        migrate(own)
