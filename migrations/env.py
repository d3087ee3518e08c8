"""Runs the migrations: on the connection that the registry hands over, or on REGISTRY_DATABASE_URL for developers."""

import os

from alembic import context
from sqlalchemy import Connection, create_engine

LOCK = 7_241_509_911  # any number, always this one: two upgrades at once take turns


def migrate(connection: Connection) -> None:
    """Upgrade under an advisory lock, giving up rather than blocking a busy database for long."""
    context.configure(
        connection=connection,
        target_metadata=context.config.attributes.get("metadata"),
        version_table="registry_version",
    )
    # One transaction for all: the lock must not end with the first migration while another upgrade waits for it.
    with context.begin_transaction():
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        connection.exec_driver_sql("SET LOCAL lock_timeout = '30s'")
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    url = os.environ["REGISTRY_DATABASE_URL"].replace("postgres://", "postgresql://", 1)
    with create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1)).connect() as own:
        migrate(own)
