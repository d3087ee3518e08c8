"""What a catalogue holds: tables and columns, from format.toml, and their types in the file.

A row of the file is a model. Its own columns and those of MODEL stand at the top; a table of which
a model has one row at most is a struct, any other a list of structs.
"""

from dataclasses import dataclass
from functools import cache

import pyarrow as pa

from registry.data import load

FORMAT = 1
MODEL = "model"
ROW_DIGEST = "row_digest"
TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "boolean": pa.bool_(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "jsonb": pa.string(),
    "halfvec": pa.binary(),
    "real[]": pa.binary(),
    "text[]": pa.list_(pa.string()),
    "double[]": pa.list_(pa.float64()),
    "smallint[]": pa.list_(pa.int16()),
    "integer[]": pa.list_(pa.int32()),
    "bigint[]": pa.list_(pa.int64()),
}
"""By the type in Postgres. Sketches, which nobody reads number by number, are little-endian bytes:
halves for a halfvec, floats for real[]."""


@dataclass(frozen=True)
class Part:
    """One table of a catalogue.

    Attributes:
        name: Of the column that holds it.
        table: Its name in the database.
        columns: Names and Postgres types of the columns.
        one: Whether a model has one row of it at most.
        order: By which the rows of a model are sorted.
    """

    name: str
    table: str
    columns: dict[str, str]
    one: bool
    order: str | None

    @property
    def types(self) -> pa.DataType:
        """The type of one row."""
        return pa.struct([(name, TYPES[kind]) for name, kind in self.columns.items()])


@cache
def parts() -> dict[str, Part]:
    """Return the tables of a catalogue, MODEL first."""
    tables = {}
    for name, row in load("registry.catalogues", "format.toml").items():
        table = row.get("table", name)
        tables[name] = Part(name, table, row["columns"], row.get("one", False), row.get("order"))
    return tables


@cache
def schema() -> pa.Schema:
    """Return the columns of a catalogue's file."""
    fields = [pa.field(ROW_DIGEST, pa.string())]
    fields += list(parts()[MODEL].types)
    for part in parts().values():
        if part.name != MODEL:
            kind = part.types if part.one else pa.list_(part.types)
            fields.append(pa.field(part.name, kind))
    return pa.schema(fields)
