"""What is wrong with the database, and what of it is safe to mend: `registry db doctor`."""

from collections.abc import Callable, Iterator

from sqlalchemy import Engine, text

from registry import settings
from registry.database.connecting.bounds import WHOLE, with_bounds
from registry.database.connecting.connection import embedded_server, open_database, translated
from registry.database.keeping.ailments import Ailment, Finding
from registry.database.keeping.migrate import update_extension
from registry.database.stored import spool
from registry.database.tables.column_types import TABLES, Base
from registry.database.tables.columns import missing_columns
from registry.errors import DatabaseError, RegistryError
from registry.fingerprints.record import VERSION

Check = Callable[[Engine, bool], Iterator[Finding]]

IDLE = text("""
    SELECT pid, coalesce(nullif(application_name, ''), usename),
        extract(epoch FROM now() - state_change)::integer
    FROM pg_stat_activity
    WHERE datname = current_database() AND state LIKE 'idle in transaction%'
        AND state_change < now() - interval '1 minute'
    ORDER BY pid
""")
INVALID = text("""
    SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE NOT indisvalid AND relnamespace = 'registry_tables'::regnamespace ORDER BY 1
""")
BEHIND = text("""
    SELECT installed_version, default_version FROM pg_available_extensions
    WHERE name = 'vector' AND installed_version <> default_version
""")
HALF = text("""
    SELECT name FROM registry_tables.models AS m
    WHERE NOT EXISTS (SELECT FROM registry_tables.fingerprints WHERE model_id = m.id)
        OR NOT EXISTS (SELECT FROM registry_tables.matrices WHERE model_id = m.id) ORDER BY name
""")
EMPTY = text("""
    FROM registry_tables.families AS f
    WHERE NOT EXISTS (SELECT FROM registry_tables.models WHERE family_id = f.id)
""")


def examine(*, mend: bool) -> list[Finding]:
    """Return what is wrong with the configured database, its server first.

    mend: whether to put right what is safe: nothing that was stored is touched.
    """
    findings: list[Finding] = []
    if not settings.database_url():
        from registry.database.embedded import health  # noqa: PLC0415  # Windows has no such server

        server = embedded_server()
        findings += health.findings(server, mend=mend)
        if not (server.data_dir / "cluster").exists():
            return findings
    try:
        with open_database() as engine, translated(engine):
            for check in CHECKS:
                findings += check(engine, mend)
    except DatabaseError as error:
        findings.append(Finding(Ailment.UNUSABLE, "", detail=str(error)))
    findings += waiting()
    return findings


def waiting() -> Iterator[Finding]:
    """No fingerprint waits to be stored."""
    for path in spool.files():
        try:
            spool.read(path)
        except FileNotFoundError:
            continue
        except RegistryError as error:
            yield Finding(Ailment.WAITING_BROKEN, str(path), detail=str(error))
        else:
            yield Finding(Ailment.WAITING, str(path))


def tables(engine: Engine, _mend: bool) -> Iterator[Finding]:
    """Every table and column that this package reads is there."""
    with engine.connect() as connection:
        missing = missing_columns(connection)
    for name, columns in sorted(missing.items()):
        if len(columns) == len(Base.metadata.tables[f"{TABLES}.{name}"].columns):
            yield Finding(Ailment.TABLES_DIFFER, name)
            continue
        for column in sorted(columns):
            yield Finding(Ailment.TABLES_DIFFER, f"{name}.{column}")


def extension(engine: Engine, mend: bool) -> Iterator[Finding]:
    """Pgvector's objects are of the version of its library."""
    with engine.connect() as connection:
        versions = connection.execute(BEHIND).one_or_none()
    if versions:
        if mend:
            update_extension(engine)
        detail = " to ".join(versions)
        yield Finding(Ailment.EXTENSION_BEHIND, "vector", mended=mend, detail=detail)


def indexes(engine: Engine, mend: bool) -> Iterator[Finding]:
    """No index was left invalid by a build that was interrupted."""
    whole = with_bounds(engine, WHOLE).execution_options(isolation_level="AUTOCOMMIT")
    with whole.connect() as connection:
        for (name,) in connection.execute(INVALID).all():
            if mend:
                connection.execute(text(f"REINDEX INDEX CONCURRENTLY {name}"))
            yield Finding(Ailment.INDEX_INVALID, name, mended=mend)


def models(engine: Engine, mend: bool) -> Iterator[Finding]:
    """Every model has all of its rows, and every family a model."""
    with engine.begin() as connection:
        for (name,) in connection.execute(HALF):
            yield Finding(Ailment.MODEL_HALF, name)
        names = connection.execute(text(f"SELECT name {EMPTY.text} ORDER BY name")).all()
        if mend and names:
            connection.execute(text(f"DELETE {EMPTY.text}"))
    for (name,) in names:
        yield Finding(Ailment.FAMILY_EMPTY, name, mended=mend)


def versions(engine: Engine, _mend: bool) -> Iterator[Finding]:
    """All fingerprints are of the version that is compared."""
    query = text(
        "SELECT fingerprint_version, count(*) FROM registry_tables.models"
        " WHERE fingerprint_version <> :version"
        " GROUP BY 1 ORDER BY 1"
    )
    with engine.connect() as connection:
        for version, count in connection.execute(query, {"version": VERSION}):
            yield Finding(Ailment.VERSION_OLD, str(version), detail=str(count))


def sessions(engine: Engine, _mend: bool) -> Iterator[Finding]:
    """Nobody keeps a transaction open, which others may wait for."""
    with engine.connect() as connection:
        for pid, name, seconds in connection.execute(IDLE):
            yield Finding(Ailment.SESSION_IDLE, f"{name}, process {pid}", detail=f"{seconds} s")


CHECKS: tuple[Check, ...] = (tables, extension, indexes, models, versions, sessions)
