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
    with connection.connection.driver_connection.cursor(binary=True) as cursor:  # type: ignore[union-attr]
        try:
            yield cursor
        except psycopg.Error as exc:
            dialect = connection.dialect
            error = DBAPIError.instance("COPY", None, exc, psycopg.Error, dialect=dialect)
            raise error from exc
