"""What SQL answers: as tables, as CSV and as JSON, piece by piece."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from types import NoneType
from typing import Any

from rich.console import RenderableType

from registry.database.keeping.analysis import Answer
from registry.errors import RegistryError
from registry.report.answers import SCHEMA_VERSION
from registry.report.tables import table

TABLE_ROWS = 1000  # of one table; a longer answer is drawn in several
CSV_ROWS = 1000  # written at a time
NULL = "NULL"
JSON_HEAD = f'{{\n  "schema_version": {SCHEMA_VERSION},\n  "results": [\n'
ROWS_TAIL, JSON_TAIL = "\n      ]\n    }", "\n  ]"
NUMBERS = ("int2", "int4", "int8", "float4", "float8", "numeric", "oid")
SPECIAL = frozenset(',"\r\n')


def answer_tables(answer: Answer) -> Iterator[RenderableType]:
    """Yield an answer as one table, or several of TABLE_ROWS rows."""
    names = [column.name for column in answer.columns]
    right = [column.name for column in answer.columns if column.type in NUMBERS]
    first = True
    while True:
        rows = [tuple(map(shown, row)) for row in islice(answer.rows, TABLE_ROWS)]
        if not rows and not first:
            return
        yield table(*names, rows=rows, right=right)
        first = False


def shown(value: Any) -> str:
    """Return a value as the cell of a table."""
    return NULL if value is None else csv_text(value)


def answer_csv(answer: Answer) -> Iterator[str]:
    """Yield an answer as CSV: NULL is nothing, an empty text is two quotes."""
    yield csv_line([column.name for column in answer.columns])
    while True:
        lines = [csv_line(row) for row in islice(answer.rows, CSV_ROWS)]
        if not lines:
            return
        yield "".join(lines)


def csv_line(values: Iterable[Any]) -> str:
    """Return one line of CSV."""
    return ",".join(map(csv_cell, values)) + "\n"


def csv_cell(value: Any) -> str:
    """Return a value of CSV, in quotes where it needs them."""
    if value is None:
        return ""
    text = csv_text(value)
    if text and not SPECIAL & set(text):
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def csv_text(value: Any) -> str:
    """Return a value as text that reads back equal."""
    if isinstance(value, Decimal):
        return format(value, "f")
    exact = plain_value(value)
    if isinstance(exact, str):
        return exact
    return json.dumps(exact, ensure_ascii=False)


def answers_json(answers: Iterable[Answer]) -> Iterator[str | list[Any]]:
    """Yield one JSON object of all answers: text as it is, lists to be written as JSON.

    Where a statement fails and others were answered, the object ends with its `error`.
    """
    open_brackets = ""
    try:
        for answer in answers:
            yield ",\n" if open_brackets else JSON_HEAD
            open_brackets = JSON_TAIL
            yield '    {\n      "columns": '
            yield [{"name": column.name, "type": column.type} for column in answer.columns]
            yield ',\n      "rows": ['
            open_brackets = ROWS_TAIL + JSON_TAIL
            for place, row in enumerate(answer.rows):
                yield (",\n" if place else "\n") + "        "
                yield [plain_value(value) for value in row]
            yield ROWS_TAIL
            open_brackets = JSON_TAIL
    except RegistryError as exc:
        if open_brackets:
            error = json.dumps(str(exc))
            yield open_brackets + f',\n  "error": {error}\n}}\n'
        raise
    yield ("" if open_brackets else JSON_HEAD) + JSON_TAIL + "\n}\n"


def plain_value(value: Any) -> Any:
    """Return a value in JSON's types, and as text where these do not hold it exactly."""
    for types, converted in CONVERSIONS:
        if isinstance(value, types):
            return converted(value)
    return str(value)


def plain_list(values: Iterable[Any]) -> list[Any]:
    """Return an array as a list."""
    return [plain_value(value) for value in values]


def plain_object(value: Mapping[Any, Any]) -> dict[str, Any]:
    """Return an object of jsonb."""
    return {str(name): plain_value(item) for name, item in value.items()}


def hexadecimal(value: bytes | memoryview) -> str:
    """Return bytes as Postgres writes them."""
    return "\\x" + bytes(value).hex()


def plain_float(value: float) -> float | str:
    """Return a number; NaN and infinities, which JSON has not, as text."""
    return value if math.isfinite(value) else not_finite(value)


def not_finite(value: float) -> str:
    """Return NaN or an infinity as Postgres writes it."""
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def plain_decimal(value: Decimal) -> Any:
    """Return a decimal number as a number of JSON if that is exact, else as text."""
    if not value.is_finite():
        return not_finite(float(value))
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else format(value, "f")


def same(value: Any) -> Any:
    """Return what JSON has as it is."""
    return value


def isoformat(value: datetime | date | time) -> str:
    """Return a time as ISO 8601 has it."""
    return value.isoformat()


CONVERSIONS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (bool | int | str | NoneType, same),
    (float, plain_float),
    (Decimal, plain_decimal),
    (list | tuple, plain_list),
    (dict, plain_object),
    (datetime | date | time, isoformat),
    (bytes | memoryview, hexadecimal),
)
"""By type, how a value is written in JSON."""
