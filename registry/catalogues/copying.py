"""Rows into tables by COPY in binary, and out of them, without an object a row."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from sqlalchemy.orm import Session

from registry.catalogues import fields
from registry.catalogues.sent import column
from registry.database.connecting.driver import driver

TABLES = "registry_tables"


def new_ids(session: Session, table: str, count: int) -> np.ndarray:
    """Return numbers for rows that are about to be stored, from the table's own sequence."""
    if not count:
        return np.zeros(0, np.int64)
    query = """
        SELECT array_agg(nextval(pg_get_serial_sequence(%(table)s, 'id')::regclass))
        FROM generate_series(1, %(count)s)
    """
    with driver(session) as cursor:
        cursor.execute(query, {"table": f"{TABLES}.{table}", "count": count})
        numbers = column([cursor.pgresult.get_value(0, 0)], "bigint[]")
    return np.asarray(numbers.flatten().to_numpy())


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
