"""The indexes of the search: built where there are models enough, and checked against the scan.

docs/method.md, Search. A tree of boxes over std vectors stands from migration 0013 on where the
server has cube, and is exact. Those here are lists (pgvector's ivfflat), of which a search looks
into a few.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from registry.database.connecting.bounds import WHOLE, with_bounds
from registry.database.connecting.connection import translated
from registry.database.connecting.transactions import answer_of
from registry.errors import SearchIndexDenied
from registry.fingerprints.record import VERSION

FEW = 20_000  # models up to which all are looked at: some milliseconds, and none is missed
MODELS_OF_A_LIST = 1_000  # and of more models than its square the root, as pgvector advises
SAMPLED = 50  # models of each list that the lists are made from, as pgvector takes them
BYTES_OF_A_SAMPLE = 1_200
ORDERING = "256MB"  # memory to sort and build in
SPARE = 1.5  # times what making the lists needs
POINTS = "fingerprints_point_search_idx"
OUTLINES = {
    "start": "halfvec_ip_ops",
    "stream": "halfvec_ip_ops",
    "token": "halfvec_ip_ops",
    "own": "halfvec_l2_ops",
}
"""Columns of outlines, and the distance that each is searched by."""
OWNED = text(
    "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class"
    " WHERE oid = 'registry_tables.outlines'::regclass"
)
LISTED = text(
    "SELECT c.relname, t.relname, pg_relation_size(c.oid), i.indisvalid FROM pg_index AS i"
    " JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_class AS t ON t.oid = i.indrelid"
    " WHERE c.relnamespace = 'registry_tables'::regnamespace AND c.relname LIKE '%\\_search\\_idx'"
    " ORDER BY c.relname"
)
HAS_POINTS = text(f"SELECT registry_tables.has_search_index('{POINTS}')")
HAS_CUBE = text("SELECT to_regtype('public.cube') IS NOT NULL")
CUBE_AT_HAND = text(
    "SELECT count(*) FROM pg_available_extensions WHERE name = 'cube'"
    " AND has_database_privilege(current_database(), 'CREATE')"
    " AND has_schema_privilege('public', 'CREATE')"
)
POINTS_OF_ALL = (
    f"CREATE INDEX {POINTS} ON registry_tables.fingerprints"
    " USING gist ((public.cube(registry_tables.search_point(std, search_group))))"
)


@dataclass(frozen=True)
class SearchIndex:
    """One index of the search.

    Attributes:
        exact: Whether a search by it misses nothing.
        size: In bytes.
    """

    name: str
    table: str
    exact: bool
    size: int


@dataclass(frozen=True)
class Wanted:
    """Lists that a group of models is large enough for."""

    name: str
    table: str
    column: str
    operators: str
    group: int
    models: int

    @property
    def lists(self) -> int:
        """How many lists."""
        by_root = int(self.models**0.5) // 2
        return max(self.models // MODELS_OF_A_LIST, by_root, 1)

    @property
    def memory(self) -> int:
        """How many kilobytes it takes to make the lists."""
        samples = SAMPLED * self.lists
        return int(SPARE * samples * (4 * self.lists + BYTES_OF_A_SAMPLE) / 1024) + 65_536


def listing(session: Session) -> list[SearchIndex]:
    """Return the indexes of the search that are there and complete."""
    indexes = []
    for name, table, size, complete in session.execute(LISTED):
        if complete:
            indexes.append(SearchIndex(name, table, exact=name == POINTS, size=size))
    return indexes


def unindexed(session: Session, kind: str, models: int) -> int:
    """Return how many models a search looks at for want of an index; 0 where these are few.

    Args:
        models: How many there are of the kind.
    """
    if models <= 2 * FEW:
        return 0
    query = text(
        "SELECT registry_tables.has_search_index('outlines_stream_'"
        " || registry_tables.search_group(:kind, :version, '{}') || '_search_idx')"
    )
    is_indexed = session.scalar(query, {"kind": kind, "version": VERSION})
    return 0 if is_indexed else models


def build(engine: Engine) -> list[SearchIndex]:
    """Build the indexes anew for the models that there are, drop others, and return them all.

    Each is built beside the old one, which serves until then; what writes models waits meanwhile.
    Raises SearchIndexDenied for a role that does not own the tables, and other RegistryErrors.
    """
    engine = with_bounds(engine, WHOLE)
    with translated(engine):
        with engine.begin() as connection:
            if not connection.scalar(OWNED):
                raise SearchIndexDenied(role=engine.url.username or "this role")
            connection.execute(text("SELECT registry_tables.recount()"))
            build_points(connection)
        wanted = answer_of(engine, wanted_indexes)
        present = answer_of(engine, listing)
        for index in present:
            if not index.exact and index.name not in {other.name for other in wanted}:
                drop(engine, index.name)
        if answer_of(engine, is_large):
            put_in_order(engine)
        for index_wanted in wanted:
            build_one(engine, index_wanted)
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            for table in ("models", "fingerprints", "outlines"):
                connection.exec_driver_sql(f"VACUUM (ANALYZE) registry_tables.{table}")
    return answer_of(engine, listing)


def build_points(connection: Connection) -> None:
    """Build the tree of boxes where it is missing and the server has cube.

    It is kept up as models come, and need not be built anew.
    """
    if not connection.scalar(HAS_CUBE) and connection.scalar(CUBE_AT_HAND):
        connection.exec_driver_sql("CREATE EXTENSION cube SCHEMA public")
    if connection.scalar(HAS_CUBE) and not connection.scalar(HAS_POINTS):
        connection.exec_driver_sql(POINTS_OF_ALL)


def wanted_indexes(session: Session) -> list[Wanted]:
    """Return the lists that are worth their memory: of each group with more than FEW models.

    Std vectors need none where the server has cube.
    """
    has_points = any(index.name == POINTS for index in listing(session))
    wanted = []
    for group, models in group_sizes(session, "outlines"):
        for column, operators in OUTLINES.items():
            name = f"outlines_{column}_{group}_search_idx"
            wanted.append(Wanted(name, "outlines", column, operators, group, models))
    if not has_points:
        for group, models in group_sizes(session, "fingerprints"):
            name = f"fingerprints_std_{group}_search_idx"
            column = "std_vector"
            wanted.append(Wanted(name, "fingerprints", column, "vector_l2_ops", group, models))
    return wanted


def group_sizes(session: Session, table: str) -> Iterator[tuple[int, int]]:
    """Yield the search groups of the current fingerprint version with more than FEW models."""
    query = text(
        f"SELECT search_group, count(*) FROM registry_tables.{table}"  # noqa: S608  # our own name
        " WHERE search_group / 256 = :version GROUP BY search_group ORDER BY search_group"
    )
    for group, models in session.execute(query, {"version": VERSION}):
        if models > FEW:
            yield group, models


def is_large(session: Session) -> bool:
    """Return whether there are points in a tree, and so many that their order matters."""
    has_points = any(index.name == POINTS for index in listing(session))
    return has_points and any(group_sizes(session, "fingerprints"))


def put_in_order(engine: Engine) -> None:
    """Store fingerprints by place, near ones together, which builds the tree of boxes anew.

    Nobody reads them for the seconds that it takes.
    """
    order = "fingerprints_order_search_idx"
    drop(engine, order)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL maintenance_work_mem = '{ORDERING}'")
        connection.exec_driver_sql(
            f"CREATE INDEX {order} ON registry_tables.fingerprints"
            " (registry_tables.search_order(std))"
        )
        connection.exec_driver_sql(f"CLUSTER registry_tables.fingerprints USING {order}")
        connection.exec_driver_sql(f"DROP INDEX registry_tables.{order}")


def drop(engine: Engine, name: str) -> None:
    """Drop an index."""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS registry_tables.{name}")


def build_one(engine: Engine, index: Wanted) -> None:
    """Build an index beside the one of its name, and put it in that one's place."""
    draft = f"{index.name}_new"
    drop(engine, draft)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL maintenance_work_mem = '{index.memory}kB'")
        connection.exec_driver_sql(
            f"CREATE INDEX {draft} ON registry_tables.{index.table} USING ivfflat"
            f" ({index.column} {index.operators}) WITH (lists = {index.lists})"
            f" WHERE search_group = {index.group}"
        )
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS registry_tables.{index.name}")
        connection.exec_driver_sql(f"ALTER INDEX registry_tables.{draft} RENAME TO {index.name}")
