"""Runs the migrations: on the connection that the registry hands over, or on REGISTRY_DATABASE_URL for developers.

Timeouts come first, then the lock, so that nobody waits for ever behind an upgrade that is stuck. Every migration is a
transaction of its own: one that was interrupted leaves those before it in place, and may say
`with op.get_context().autocommit_block()` to create an index CONCURRENTLY. The lock therefore belongs to the session,
spans all migrations and is given back at the end, whatever happens.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from sqlalchemy import Connection, create_engine, text

LOCK = 7_241_509_911  # any number, always this one: two upgrades at once take turns
LOCK_TIMEOUT = "30s"  # to wait for another upgrade, or for whoever uses a table
POLL = 0.05  # seconds between two looks at the lock
STATEMENT_TIMEOUT = (
    "15min"  # for one statement; a migration that rewrites a large table may SET its own
)


def migrate(connection: Connection) -> None:
    """Run the migrations that are asked for, giving up rather than blocking a busy database for long."""
    with timeouts(connection), locked(connection):
        context.configure(
            connection=connection,
            target_metadata=context.config.attributes.get("metadata"),
            version_table="registry_version",
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


@contextmanager
def timeouts(connection: Connection) -> Iterator[None]:
    """Bound every wait of the session; config.attributes may name other bounds."""
    given = context.config.attributes
    bounds = {
        "lock_timeout": given.get("lock_timeout", LOCK_TIMEOUT),
        "statement_timeout": given.get("statement_timeout", STATEMENT_TIMEOUT),
    }
    for name, bound in bounds.items():
        setting = {"name": name, "bound": bound}
        connection.execute(text("SELECT set_config(:name, :bound, false)"), setting)
    connection.commit()
    try:
        yield
    finally:
        if restore(connection):
            for name in bounds:
                connection.exec_driver_sql(f"RESET {name}")
            connection.commit()


@contextmanager
def locked(connection: Connection) -> Iterator[None]:
    """Hold the advisory lock of the session, which outlasts the transactions of the single migrations."""
    wait_for_lock(connection)
    try:
        yield
    finally:
        if restore(connection):
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({LOCK})")
            connection.commit()


def wait_for_lock(connection: Connection) -> None:
    """Take the advisory lock within lock_timeout, else fail as any wait for a lock does.

    Asking again and again rather than waiting inside a statement: CREATE INDEX CONCURRENTLY waits for the end of
    every statement, so that the holder of the lock and we would wait for each other.
    """
    setting = "SELECT setting::bigint FROM pg_settings WHERE name = 'lock_timeout'"
    milliseconds = connection.exec_driver_sql(setting).scalar_one()
    deadline = time.monotonic() + milliseconds / 1000
    while time.monotonic() < deadline:
        taken = connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({LOCK})").scalar_one()
        connection.commit()
        if taken:
            return
        time.sleep(POLL)
    connection.exec_driver_sql("SET LOCAL lock_timeout = '1ms'")
    connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK})")
    connection.commit()


def restore(connection: Connection) -> bool:
    """End what is left of a transaction; False where the session is gone, and its lock and settings with it."""
    if connection.invalidated:
        return False
    connection.rollback()
    return True


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    url = os.environ["REGISTRY_DATABASE_URL"].replace("postgres://", "postgresql://", 1)
    with create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1)).connect() as own:
        migrate(own)
