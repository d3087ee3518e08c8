"""Whole tables as streams of bytes, by COPY in binary, with their counts and digests.

A table's stream is the same for the same rows on every server from Postgres 15 on: its columns in
their order, its rows by their primary key, text by its bytes. So that two databases have the same
rows where their streams have the same digest. Needs no pg_dump.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from psycopg import sql
from sqlalchemy import text
from sqlalchemy.orm import Session

from registry.database.connecting.driver import driver
from registry.database.tables.column_types import TABLES

KEPT = ("registry_version", "family_counts", "model_counts")
"""Tables that the migrations and triggers write."""
COLUMNS = text("""
    SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type,
        a.attidentity <> '' AS identity, array_position(i.indkey::smallint[], a.attnum) AS place
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary
    WHERE c.relnamespace = to_regnamespace(:schema) AND c.relkind = 'r' AND a.attgenerated = ''
        AND c.relname <> ALL(:kept)
    ORDER BY c.relname COLLATE "C", a.attname COLLATE "C"
""")
REFERENCES = text("""
    SELECT c.relname AS table, r.relname AS other FROM pg_constraint AS f
    JOIN pg_class AS c ON c.oid = f.conrelid JOIN pg_class AS r ON r.oid = f.confrelid
    WHERE f.contype = 'f' AND c.relnamespace = to_regnamespace(:schema)
        AND f.conrelid <> f.confrelid
""")
WORDS = ("text", "character varying")


@dataclass(frozen=True)
class Table:
    """A table as it is streamed.

    Attributes:
        name: Of the table.
        columns: Types by name, without computed ones, by name.
        key: Of these, the primary key.
        identity: The column that a sequence numbers; None without one.
    """

    name: str
    columns: dict[str, str]
    key: tuple[str, ...]
    identity: str | None

    @property
    def place(self) -> sql.Composable:
        """The table with its schema, as a statement names it."""
        return sql.Identifier(TABLES, self.name)

    @property
    def names(self) -> sql.Composable:
        """The columns as a statement names them."""
        return sql.SQL(", ").join(map(sql.Identifier, self.columns))

    @property
    def order(self) -> sql.Composable:
        """What rows are sorted by: text by its bytes, whatever the server's collation."""
        keys: list[sql.Composable] = []
        for name in self.key:
            collated = sql.SQL('{} COLLATE "C"' if self.columns[name] in WORDS else "{}")
            keys.append(collated.format(sql.Identifier(name)))
        return sql.SQL(", ").join(keys)


@dataclass(frozen=True)
class Sum:
    """What tells whether two tables have the same rows."""

    rows: int
    digest: str


def tables(session: Session) -> list[Table]:
    """Return the tables of the registry, each after those that it refers to."""
    columns: dict[str, list[Any]] = {}
    for row in session.execute(COLUMNS, {"schema": TABLES, "kept": list(KEPT)}):
        columns.setdefault(row.table, []).append(row)
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(sorted(columns), ()))
    for row in session.execute(REFERENCES, {"schema": TABLES}):
        sorter.add(row.table, row.other)
    return [table_of(name, columns[name]) for name in sorter.static_order()]


def table_of(name: str, rows: list[Any]) -> Table:
    """Return a table from the rows of the server's catalogue."""
    key = sorted((row.place, row.column) for row in rows if row.place is not None)
    identities = [row.column for row in rows if row.identity]
    return Table(
        name,
        {row.column: row.type for row in rows},
        tuple(column for _, column in key),
        identities[0] if identities else None,
    )


def stream(session: Session, table: Table) -> Iterator[bytes]:
    """Yield the bytes of a table."""
    statement = sql.SQL("COPY (SELECT {} FROM {} ORDER BY {}) TO STDOUT (FORMAT binary)")
    query = statement.format(table.names, table.place, table.order)
    with driver(session) as cursor, cursor.copy(query) as copy:
        for chunk in copy:
            yield bytes(chunk)


def sum_of(session: Session, table: Table) -> Sum:
    """Return the count and the digest of a table's rows."""
    digest = hashlib.sha256()
    for chunk in stream(session, table):
        digest.update(chunk)
    return Sum(count(session, table), digest.hexdigest())


def count(session: Session, table: Table) -> int:
    """Return how many rows a table has."""
    with driver(session) as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(table.place))
        return int(cursor.fetchone()[0])


def fill(session: Session, table: Table, chunks: Iterator[bytes]) -> None:
    """Store the rows of a stream."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)")
    query = statement.format(table.place, table.names)
    with driver(session) as cursor, cursor.copy(query) as copy:
        for chunk in chunks:
            copy.write(chunk)


def last_number(session: Session, table: Table) -> int:
    """Return the last number that a table's sequence gave; 0 before the first."""
    query = text(
        "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence(:table, :column)), 0)"
    )
    names = {"table": f"{TABLES}.{table.name}", "column": table.identity}
    return int(session.execute(query, names).scalar_one())


def go_on_from(session: Session, table: Table, last: int) -> None:
    """Have a table's sequence go on after a number, which may have gone with its row."""
    if last:
        query = text("SELECT setval(pg_get_serial_sequence(:table, :column), :last)")
        names = {"table": f"{TABLES}.{table.name}", "column": table.identity, "last": last}
        session.execute(query, names)
