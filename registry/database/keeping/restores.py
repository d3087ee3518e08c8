"""A dump into a database that is empty: all of it, compared table by table, or nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from registry import settings
from registry.database.connecting.addresses import shown
from registry.database.connecting.bounds import WHOLE, with_bounds
from registry.database.connecting.connection import checked, embedded_server, translated
from registry.database.connecting.transactions import in_transaction
from registry.database.keeping.dumps import Dump, DumpedTable
from registry.database.keeping.migrate import upgrade
from registry.database.keeping.table_streams import Table, count, fill, go_on_from, sum_of, tables
from registry.database.stored.models import wait_for_others
from registry.database.tables.schema import REVISION
from registry.errors import BrokenDump, DatabaseNotEmpty, RestoreDiffers

EMBEDDED = "embedded"
CLEAR = "DROP SCHEMA IF EXISTS registry_tables, registry CASCADE"


@contextmanager
def target(url: str | None) -> Iterator[Engine]:
    """Yield an engine on a database at whatever revision it stands.

    Args:
        url: The database; None is the configured one, EMBEDDED the embedded one.
    """
    given = settings.database_url() if url is None else url
    if given and given != EMBEDDED:
        with checked(given) as (engine, _):
            yield engine
        return
    server = embedded_server()
    with server.connected() as address, checked(address, server) as (engine, _):
        yield engine


def restore(engine: Engine, dump: Dump) -> None:
    """Store all that a dump holds.

    The database gets the schema of the dump, then the rows in one transaction, which is given up
    unless every table comes to the count and the digest that it had, then the schema of now.

    Raises DatabaseNotEmpty, BrokenDump, RestoreDiffers.
    """
    engine = with_bounds(engine, WHOLE)
    address = shown(engine.url)
    with translated(engine):
        prepare(engine, dump.manifest.revision)
        work = partial(store, dump=dump, address=address)
        in_transaction(engine, work, done=DatabaseNotEmpty)
        if dump.manifest.revision != REVISION:
            upgrade(engine, address)


def prepare(engine: Engine, revision: str) -> None:
    """Give an empty database the tables of a revision. Raises DatabaseNotEmpty."""
    address = shown(engine.url)
    with Session(engine) as session:
        check_empty(session, tables(session), address)
        if tables(session) and stated(session) != revision:
            session.execute(text(CLEAR))
        session.commit()
    upgrade(engine, address, revision)


def stated(session: Session) -> str | None:
    """Return the revision that a database states."""
    query = text("SELECT version_num FROM registry_tables.registry_version")
    revision: str | None = session.scalar(query)
    return revision


def check_empty(session: Session, present: list[Table], address: str) -> None:
    """Raise DatabaseNotEmpty where any table has a row."""
    for table in present:
        rows = count(session, table)
        if rows:
            raise DatabaseNotEmpty(url=address, table=table.name, count=rows)


def store(session: Session, dump: Dump, address: str) -> None:
    """Store the rows of a dump, and compare. Raises as `restore` does."""
    wait_for_others(session)
    present = {table.name: table for table in tables(session)}
    check_empty(session, list(present.values()), address)
    check_tables(dump, present)
    for dumped in dump.manifest.tables:
        table = present[dumped.name]
        fill(session, table, dump.chunks(dumped))
        if table.identity:
            go_on_from(session, table, dumped.last)
    for dumped in dump.manifest.tables:
        compare(session, present[dumped.name], dumped, address)


def check_tables(dump: Dump, present: dict[str, Table]) -> None:
    """Raise BrokenDump unless a dump has the tables and columns of its revision."""
    dumped = {table.name: table.columns for table in dump.manifest.tables}
    if dumped != {table.name: table.columns for table in present.values()}:
        reason = f"its tables are not those of the schema {dump.manifest.revision}"
        raise BrokenDump(path=dump.label, reason=reason)


def compare(session: Session, table: Table, dumped: DumpedTable, address: str) -> None:
    """Raise RestoreDiffers unless a table has the rows that it had."""
    if sum_of(session, table) != dumped.sum:
        raise RestoreDiffers(url=address, table=table.name)
