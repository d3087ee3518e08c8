"""Whether a database has all tables and columns that this package reads."""

from sqlalchemy import Connection, Engine, text

from registry.database.connecting.addresses import shown
from registry.database.tables.column_types import TABLES, Base
from registry.database.tables.schema import REVISION
from registry.errors import SchemaBroken


def check_tables(engine: Engine) -> None:
    """Raise SchemaBroken unless every table is there with every column, before minutes of work."""
    with engine.connect() as connection:
        missing = missing_columns(connection)
    for name, columns in missing.items():
        whole = len(columns) == len(Base.metadata.tables[f"{TABLES}.{name}"].columns)
        reason = f"{name} is missing" if whole else f"{name} lacks {', '.join(columns)}"
        raise SchemaBroken(url=shown(engine.url), revision=REVISION, reason=reason)


def missing_columns(connection: Connection) -> dict[str, list[str]]:
    """Return the columns that tables of the schema lack, by table; all of one that is not there."""
    query = text(
        "SELECT relname, attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
        " WHERE relnamespace = to_regnamespace(:schema) AND attnum > 0 AND NOT attisdropped"
    )
    by_name = {table.name: table for table in Base.metadata.tables.values()}
    present = {tuple(row) for row in connection.execute(query, {"schema": TABLES})}

    missing = {}
    for name, table in by_name.items():
        columns = [column.name for column in table.columns if (name, column.name) not in present]
        if columns:
            missing[name] = columns
    return missing
