"""Between records and rows."""

from dataclasses import fields
from typing import Any


def shared(record: Any, table: type, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The fields of a record that the table has a column for."""
    columns = table.__table__.columns.keys()  # type: ignore[attr-defined]
    return {
        f.name: getattr(record, f.name)
        for f in fields(record)
        if f.name in columns and f.name not in without
    }


def columns(row: Any, record: type) -> dict[str, Any]:
    """The columns of a row that the record has a field for."""
    names = {f.name for f in fields(record)}
    columns = [column.key for column in row.__table__.columns]
    return {column: getattr(row, column) for column in columns if column in names}
