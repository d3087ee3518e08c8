"""registry.database.connecting.failures: what a real server refuses becomes a sentence that says what to do."""

import re

import psycopg
import pytest
from places import execute
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

import registry
from registry.database.connecting import patience
from registry.database.connecting.addresses import parsed
from registry.database.connecting.connection import open_database, translated
from registry.database.connecting.engines import engine_to
from registry.database.connecting.failures import error_of
from registry.database.tables.schema import REVISION
from registry.errors import (
    SQLSTATES,
    ConnectionFailed,
    DatabaseReadOnly,
    DatabaseUnreachable,
    IdleEnded,
    LockTimeout,
    LoginRefused,
    NoSuchDatabase,
    RightMissing,
    SchemaBroken,
    SchemaNewer,
    SchemaUnknown,
    SchemaUnstated,
    ServerNotReady,
    Spooled,
    StatementEnded,
    TablesTaken,
    TooManyConnections,
    VectorMissing,
)

SEVERAL = """Multiple connection attempts failed. All failures were:
- host: 'h', port: '1', hostaddr: '::1': connection failed: connection to server at "::1" failed: timeout
- host: 'h', port: '1', hostaddr: '1.2.3.4': connection failed: connection to server at "1.2.3.4", port 1 failed: Connection refused
\tIs the server running on that host and accepting TCP/IP connections?"""
ROLE = "DO $$ BEGIN CREATE ROLE {0} LOGIN; EXCEPTION WHEN duplicate_object THEN END $$"


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """The data folder of the test, where what cannot be stored waits."""
    monkeypatch.setenv("REGISTRY_DATA_DIR", str(tmp_path / "data"))


def as_role(url, role):
    """The address for another role, which is created if need be."""
    execute(url, ROLE.format(role))
    return url.replace("registry@", f"{role}@")


def test_a_database_that_is_not_there(url):
    """The name is at fault, not the server."""
    other = url.replace("/test_", "/no_")
    with pytest.raises(NoSuchDatabase, match='database "no_.*create it'), open_database(other):
        pass


@pytest.mark.parametrize("state", ["NOLOGIN", "CONNECTION LIMIT 0"])
def test_a_role_that_may_not_come(url, state, monkeypatch):
    """Who is refused, and why, is said."""
    monkeypatch.setattr(patience, "FIRST_PATIENCE", 0.0)
    guest = as_role(url, "kept_out")
    execute(url, f"ALTER ROLE kept_out {state}")
    kind = LoginRefused if state == "NOLOGIN" else TooManyConnections
    with pytest.raises(kind, match="kept_out"), open_database(guest):
        pass
    execute(url, "ALTER ROLE kept_out LOGIN CONNECTION LIMIT -1")


def test_a_missing_right_is_named_with_its_grant(own_url, model):
    """Each grant that a sentence asks for is enough for that step: to open, to read, to write."""
    guest = as_role(own_url, "reader")
    rights = []
    for _ in range(5):
        try:
            with registry.Registry(guest) as known:
                known.models()
                known.ingest(model, name="read")
            break
        except (RightMissing, Spooled) as error:
            rights.append(re.search("the right (.*) [(]permission", str(error))[1])
            execute(own_url, re.search("the owner of the database for: (.*?)[.]", str(error))[1])
    assert rights == [
        "USAGE on schema registry_tables",
        "SELECT on table registry_version",
        "INSERT on table families",
    ]
    with registry.Registry(own_url) as known:
        assert [summary.name for summary in known.models()] == ["read"]
    execute(own_url, "DROP OWNED BY reader")


def test_no_right_to_create_tables(empty_url):
    """In an empty database the right to create is missing, and is named."""
    guest = as_role(empty_url, "builder")
    execute(empty_url, "CREATE EXTENSION vector")
    with (
        pytest.raises(RightMissing, match='GRANT CREATE ON database test_.* TO "builder"'),
        open_database(guest),
    ):
        pass


def test_a_replica_is_told_apart(own_url, model):
    """A database that can only be read is no database that is down."""
    execute(
        own_url,
        f"ALTER DATABASE {parsed(own_url).url.database} SET default_transaction_read_only = on",
    )
    with registry.Registry(own_url) as known, pytest.raises(DatabaseReadOnly, match="primary"):
        known.remove(known_name(own_url, model))


def known_name(url, model):
    """The name of a model that is registered whatever the database's default is."""
    with registry.Registry(f"{url}&options=-c%20default_transaction_read_only=off") as known:
        return known.ingest(model).model.name


@pytest.mark.parametrize(
    ("setting", "kind", "advice"),
    [
        ("lock_timeout=200ms", LockTimeout, "lock_timeout"),
        ("statement_timeout=100ms", StatementEnded, "statement_timeout is too short"),
    ],
    ids=["lock", "statement"],
)
def test_timeouts(url, setting, kind, advice):
    """A wait that the user's own setting ends is no server that is down."""
    with registry.Registry(f"{url}&options=-c%20{setting}") as known, psycopg.connect(url) as other:
        other.execute("LOCK TABLE registry_tables.models")
        with pytest.raises(kind, match=advice):
            known.models()


def test_a_connection_that_idles_too_long(url):
    """What idle_session_timeout ends is named so."""
    engine = engine_to(f"{url}&options=-c%20idle_session_timeout=1s")
    with engine.connect() as connection:
        connection.rollback()
        execute(url, "SELECT pg_sleep(1.5)")
        with pytest.raises(IdleEnded, match="idle_session_timeout"), translated(engine):
            connection.execute(text("SELECT 1"))


@pytest.mark.parametrize(
    ("change", "kind", "stated"),
    [
        ("UPDATE registry_version SET version_num = '0006'", SchemaBroken, "'0006'.*already exists"),
        ("UPDATE registry_version SET version_num = 'abc'", SchemaUnknown, "'abc'"),
        ("UPDATE registry_version SET version_num = '0000'", SchemaUnknown, "'0000'"),
        ("UPDATE registry_version SET version_num = '0099'", SchemaNewer, "'0099'"),
        ("INSERT INTO registry_version VALUES ('0003')", SchemaUnstated, f"0003 and {REVISION}"),
        ("DELETE FROM registry_version", SchemaUnstated, "it is empty"),
        ("DROP TABLE registry_version", TablesTaken, "already exists"),
        ("ALTER TABLE registry_version RENAME version_num TO v", SchemaBroken, "version_num"),
        ("DROP TABLE registry_tables.histograms CASCADE", SchemaBroken, "histograms"),
        ("ALTER TABLE registry_tables.models DROP cast_digest CASCADE", SchemaBroken, "cast_digest"),
        ("DROP TABLE registry_tables.models CASCADE", SchemaBroken, "models"),
    ],
)  # fmt: skip
def test_tables_of_another_draft(own_url, monkeypatch, model, change, kind, stated):
    """A schema that is not what it says is one sentence, without the advice to try again."""
    execute(own_url, change)
    monkeypatch.setenv("REGISTRY_DATABASE_URL", own_url)
    with pytest.raises(kind, match=stated) as caught:
        upgrade_and_use(own_url, model)
    assert "try again" not in str(caught.value)
    assert "\n" not in str(caught.value)


def upgrade_and_use(url, model):
    """Do what the advice for an old schema says, then store a model."""
    from registry.database.keeping import admin

    admin.upgrade_schema()
    with registry.Registry(url) as known:
        known.ingest(model)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("connection failed: FATAL:  the database system is starting up", ServerNotReady),
        ("connection failed: FATAL:  sorry, too many clients already", TooManyConnections),
        ("connection failed: FATAL:  no such user: u", LoginRefused),
        ("connection timeout expired", DatabaseUnreachable),
        ("failed to resolve host 'h': [Errno -2] Name or service not known", DatabaseUnreachable),
        ("connection failed: FATAL:  le rôle est absent", ConnectionFailed),
        (SEVERAL, DatabaseUnreachable),
    ],
)  # fmt: skip
def test_what_is_said_instead_of_a_state(said, kind):
    """An error of connecting has no SQLSTATE: servers' and poolers' words stand for one."""
    driver_error = OperationalError("", None, psycopg.OperationalError(said))
    error = error_of(driver_error, parsed("postgresql://u@h/d").url)
    assert type(error) is kind
    assert "FATAL" not in str(error)
    assert "All failures" not in str(error)


@pytest.mark.parametrize("state", list(SQLSTATES))
def test_every_state_has_a_sentence(state):
    """Whatever is in the table can be said of any error."""
    exc = OperationalError("SELECT 1", None, psycopg.errors.OperationalError("something"))
    exc.orig.sqlstate = state if len(state) > 2 else f"{state}999"
    error = error_of(exc, parsed("postgresql://u@h/d").url)
    assert type(error) is SQLSTATES[state]
    assert "something" in str(error)


def test_pgvector_in_a_schema_that_is_not_searched(empty_url):
    """Its type is not found, which is no table of another program's."""
    execute(empty_url, "CREATE SCHEMA apart")
    execute(empty_url, "CREATE EXTENSION vector SCHEMA apart")
    with pytest.raises(VectorMissing, match='type "vector" does not exist'):
        open_database(empty_url).__enter__()
