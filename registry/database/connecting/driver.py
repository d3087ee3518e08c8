"""The driver's own cursor, for what goes in and out in binary by the million."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session


@contextmanager
def driver(session: Session) -> Iterator[Any]:
    """Yield a cursor of the driver's own on the session's connection.

    Its errors are raised as SQLAlchemy raises them.
    """
    connection = session.connection()
    underneath = connection.connection.driver_connection
    assert isinstance(underneath, psycopg.Connection)
    with underneath.cursor(binary=True) as cursor:
        try:
            yield cursor
        except psycopg.Error as exc:
            raise DBAPIError.instance(
                "COPY",
                None,
                exc,
                psycopg.Error,
                connection_invalidated=underneath.closed,
                dialect=connection.dialect,
            ) from exc
