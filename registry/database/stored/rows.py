"""Between records and rows: values that a record and a table share by name."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, TypeVar

from registry.database.tables.text_limits import fitting

Record = TypeVar("Record")
Row = TypeVar("Row")


def column_values(record: Any, table: type, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the fields of a record that a table has a column for, their text cut to fit it."""
    columns = table.__table__.columns  # type: ignore[attr-defined]
    values = {}
    for field in fields(record):
        if field.name in columns and field.name not in without:
            column = f"{columns[field.name]}"
            values[field.name] = fitting(column, getattr(record, field.name))
    return values


def field_values(row: Any, record: type) -> dict[str, Any]:
    """Return the columns of a row that a record has a field for."""
    names = {field.name for field in fields(record)}
    values = {}
    for column in row.__table__.columns:
        if column.key in names:
            values[column.key] = getattr(row, column.key)
    return values


def rows_of(records: Iterable[Any], table: type[Row]) -> list[Row]:
    """Return a row of a table for every record."""
    return [table(**column_values(record, table)) for record in records]


def records_of(rows: Iterable[Any], record: type[Record]) -> tuple[Record, ...]:
    """Return a record for every row."""
    return tuple(record(**field_values(row, record)) for row in rows)
