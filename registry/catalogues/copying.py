"""Rows into tables by COPY in binary, and out of them, without an object a row."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from sqlalchemy import text
from sqlalchemy.orm import Session

from registry.catalogues import fields
from registry.database.driver import driver

TABLES = "registry_tables"


def new_ids(session: Session, table: str, count: int) -> np.ndarray:
    """Return numbers for rows that are about to be stored, from the table's own sequence.

    Whoever else stores such rows must be kept waiting: they are taken at once, not one by one.
    """
    if not count:
        return np.zeros(0, np.int64)
    sequence = "pg_get_serial_sequence(:table, 'id')::regclass"
    query = text(f"SELECT setval({sequence}, nextval({sequence}) + :more)")
    arguments = {"table": f"{TABLES}.{table}", "more": count - 1}
    last = session.execute(query, arguments).scalar_one()
    return np.arange(last - count + 1, last + 1, dtype=np.int64)


def copy(
    session: Session,
    table: str,
    columns: Sequence[str],
    rows: pa.BinaryArray,
    keys: Sequence[np.ndarray],
) -> None:
    """Store rows.

    Args:
        table: With its schema, where it has one.
        columns: The names of the keys, then those of the fields of rows.
        rows: From fields.rows_of.
        keys: Integers, as many as rows.
    """
    if not len(rows):
        return
    names = ", ".join(f'"{name}"' for name in columns)
    statement = f"COPY {table} ({names}) FROM STDIN (FORMAT binary)"
    with driver(session) as cursor, cursor.copy(statement) as stream:
        stream.write(fields.HEAD)
        stream.write(fields.with_keys(rows, keys, len(columns)))
        stream.write(fields.TAIL)


def sent(session: Session, query: str, ids: Sequence[int]) -> list[list[bytes | None]]:
    """Return the cells that a query on the models of some ids gives, in binary, by column."""
    with driver(session) as cursor:
        cursor.execute(query, {"ids": list(ids)})
        result = cursor.pgresult
        value = result.get_value
        rows = range(result.ntuples)
        return [[value(row, place) for row in rows] for place in range(result.nfields)]
