"""registry.database.keeping.migrate and migrations/env.py: upgrades that never hang, take turns and resume."""

import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from places import ROOT, execute
from sqlalchemy import create_engine

from registry.database.connecting.addresses import parsed
from registry.database.connecting.connection import open_database
from registry.database.keeping import migrate
from registry.database.keeping.migrate import LOCK, migrations, upgrade
from registry.database.keeping.roles import make_roles
from registry.database.tables.schema import REVISION
from registry.errors import RightMissing, SchemaBusy, SchemaOlder

pytestmark = pytest.mark.slow


MIGRATION = '''"""A migration of a test's own."""

from alembic import op

revision = {revision!r}
down_revision = {down!r}
branch_labels = None
depends_on = None


def upgrade() -> None:
{body}
'''
CONCURRENTLY = """    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY models_dtype_idx ON models (dtype)")
"""
NOT_VALID = """    op.execute("ALTER TABLE models ADD CONSTRAINT rank CHECK (layers > 0) NOT VALID")
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE models VALIDATE CONSTRAINT rank")
"""


def statement(sql):
    return f'    op.execute("{sql}")\n'


@pytest.fixture
def engine(url):
    """An engine on a migrated database."""
    made = create_engine(parsed(url).url)
    yield made
    made.dispose()


@pytest.fixture
def more(tmp_path, monkeypatch):
    """A function that puts migrations behind those that there are."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrate, "migrations", lambda: folder)

    def add(*bodies):
        down = REVISION
        for number, body in enumerate(bodies):
            revision = f"9{number:03}"
            text = MIGRATION.format(revision=revision, down=down, body=body)
            (folder / "versions" / f"{revision}_of_a_test.py").write_text(text)
            down = revision

    return add


@pytest.fixture
def url(own_url):
    """A database of the test's own: tables are altered here."""
    return own_url


def query(url, sql):
    with psycopg.connect(url) as connection:
        return connection.execute(sql).fetchall()


def revision_of(url):
    [(revision,)] = query(url, "SELECT version_num FROM registry_version")
    return revision


def locks(url):
    """The advisory locks that sessions of this database hold."""
    return query(
        url,
        "SELECT pid FROM pg_locks JOIN pg_database d ON d.oid = database"
        " WHERE locktype = 'advisory' AND datname = current_database()",
    )


def test_the_newest_migration_is_the_codes():
    """The code's REVISION is the head of the migrations, which form one line."""
    config = Config()
    config.set_main_option("script_location", str(migrations()))
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


def test_a_stuck_upgrade(url, engine):
    """Behind an upgrade that hangs, the second gives up in time with one sentence, and leaves nothing behind."""
    with psycopg.connect(url, autocommit=True) as stuck:
        stuck.execute(f"SELECT pg_advisory_lock({LOCK})")
        began = time.monotonic()
        with pytest.raises(SchemaBusy, match=r"lock timeout.*registry db upgrade") as caught:
            upgrade(engine, "the address", lock_timeout="200ms")
        assert time.monotonic() - began < 5
        assert "\n" not in str(caught.value)
        stuck.execute(f"SELECT pg_advisory_unlock({LOCK})")
    upgrade(engine, "the address", lock_timeout="200ms")
    assert locks(url) == []


def test_a_table_in_use(url, engine, more):
    """A migration that waits for a table gives up as well; its lock is given back, and the next upgrade succeeds."""
    more(statement("ALTER TABLE models ADD COLUMN extra int"))
    with psycopg.connect(url) as busy:
        busy.execute("SELECT count(*) FROM models")  # until the transaction ends
        with pytest.raises(SchemaBusy, match="lock timeout"):
            upgrade(engine, "the address", lock_timeout="200ms")
        assert locks(url) == []
        assert revision_of(url) == REVISION
    upgrade(engine, "the address")
    assert revision_of(url) == "9000"


def test_a_statement_that_takes_too_long(url, engine, more):
    """A statement is ended by statement_timeout, and its whole migration is undone."""
    more(statement("CREATE TABLE half (x int)") + statement("SELECT pg_sleep(60)"))
    with pytest.raises(SchemaBusy, match="statement timeout"):
        upgrade(engine, "the address", statement_timeout="200ms")
    assert query(url, "SELECT to_regclass('half')") == [(None,)]
    assert locks(url) == []


def test_timeouts_end_with_the_upgrade(engine):
    """The pooled connection has the server's own settings again."""
    upgrade(engine, "the address", lock_timeout="7s", statement_timeout="8s")
    with engine.connect() as connection:
        for name in ("lock_timeout", "statement_timeout"):
            assert connection.exec_driver_sql(f"SHOW {name}").scalar() == "0"


@pytest.mark.parametrize(
    ("body", "check"),
    [
        (
            CONCURRENTLY,
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'models_dtype_idx'::regclass",
        ),
        (NOT_VALID, "SELECT convalidated FROM pg_constraint WHERE conname = 'rank'"),
    ],
    ids=["concurrently", "validated later"],
)
def test_migrations_outside_a_transaction(url, engine, more, body, check):
    """An index may be created CONCURRENTLY, and a CHECK validated after its commit; both count as done."""
    more(body)
    upgrade(engine, "the address")
    assert query(url, check) == [(True,)]
    assert revision_of(url) == "9000"
    assert locks(url) == []


def test_an_interrupted_upgrade_resumes(url, engine, more):
    """Migrations before the one that failed stay, and the next upgrade goes on from there."""
    first = statement("CREATE TABLE first (x int)")
    more(first, statement("SELECT pg_terminate_backend(pg_backend_pid())"))
    with pytest.raises(Exception, match="terminating connection"):
        upgrade(engine, "the address")
    assert revision_of(url) == "9000"
    more(first, statement("CREATE TABLE second (x int)"))
    upgrade(engine, "the address")
    assert revision_of(url) == "9001"
    assert query(url, "SELECT to_regclass('second')::text") == [("second",)]


UPGRADE = """import sys
from pathlib import Path
from sqlalchemy import create_engine
from registry.database.keeping import migrate
from registry.database.connecting.addresses import parsed
migrate.migrations = lambda: Path(sys.argv[2])
migrate.upgrade(create_engine(parsed(sys.argv[1]).url), "the address")
"""


def test_one_upgrade_waits_for_another(url, more):
    """While one migrates, another waits for all of its migrations, and then finds nothing left to do.

    It waits without an open transaction: CREATE INDEX CONCURRENTLY would wait for that, and both for each other.
    """
    more(statement("CREATE TABLE one (x int)"), statement("SELECT pg_sleep(0.5)"), CONCURRENTLY)
    command = [sys.executable, "-c", UPGRADE, url, migrate.migrations()]
    runs = [subprocess.Popen(command) for _ in range(2)]
    assert [run.wait(60) for run in runs] == [0, 0]
    assert revision_of(url) == "9002"
    assert locks(url) == []


def test_a_command_waits_for_an_upgrade(url, monkeypatch):
    """A database that is being upgraded is not called old; one whose upgrade does not end is, after a while."""
    execute(url, "UPDATE registry_version SET version_num = '0001'")
    with psycopg.connect(url, autocommit=True) as upgrading:
        upgrading.execute(f"SELECT pg_advisory_lock({LOCK})")

        def finish():
            upgrading.execute(f"UPDATE registry_version SET version_num = '{REVISION}'")
            upgrading.execute(f"SELECT pg_advisory_unlock({LOCK})")

        timer = threading.Timer(0.3, finish)
        timer.start()
        with open_database(url):
            assert revision_of(url) == REVISION
        timer.join()
        upgrading.execute(f"SELECT pg_advisory_lock({LOCK})")
        execute(url, "UPDATE registry_version SET version_num = '0001'")
        monkeypatch.setattr(migrate, "PATIENCE", 0.1)
        with pytest.raises(SchemaOlder, match="older schema '0001'"), open_database(url):
            pass


def test_the_lock_is_the_migrations(more):
    """The registry looks at the lock that migrations/env.py takes, which imports nothing of the package."""
    more()
    environment = (migrate.migrations() / "env.py").read_text()
    assert f"LOCK = {LOCK:_}  #" in environment


def test_two_upgrades_at_once(empty_url):
    """All succeed; the schema is built once."""
    script = "import sys; from registry.database.connecting.connection import open_database\nwith open_database(sys.argv[1]): pass"
    runs = [subprocess.Popen([sys.executable, "-c", script, empty_url]) for _ in range(3)]
    assert [run.wait() for run in runs] == [0, 0, 0]


def test_upgrade_names_a_revision(empty_url):
    """Upgrading an up-to-date database is no error."""
    with open_database(empty_url) as engine:
        upgrade(engine, "shown")
    assert revision_of(empty_url) == REVISION


def test_roles_keep_their_rights(url, engine, more):
    """An upgrade after the roles were made gives them their rights on what is new."""
    make_roles(engine)
    more(
        statement("CREATE TABLE registry_tables.newer (x int)")
        + statement("CREATE VIEW registry.newer AS SELECT 1 AS x")
    )
    upgrade(engine, "the address")
    rights = "SELECT has_table_privilege('registry_analyst', '{}', 'SELECT'), has_table_privilege('registry_writer', '{}', '{}')"
    assert query(url, rights.format(*["registry_tables.newer"] * 2, "INSERT")) == [(True, True)]
    assert query(url, rights.format(*["registry.newer"] * 2, "SELECT")) == [(True, True)]
    owner = "SELECT relowner::regrole::text FROM pg_class WHERE relname = 'newer'"
    assert query(url, owner) == [("registry_owner",)] * 2


ROWS = "SELECT (SELECT count(*) FROM registry_tables.{0}) > 0"
TABLES = ("families", "models", "fingerprints", "adapters", "clusterings", "matrices", "branches", "spaces", "histograms",
          "outlines", "verdicts", "characteristics", "tensors", "ledgers", "edges", "sources", "claims", "tags", "notes", "events",
          "runs", "jobs", "places", "clusters")  # fmt: skip


def test_down_and_up_again_with_rows_in_every_table(own_url, shared_server, team_url):
    """Head, base and head again: downgrades and upgrades work on tables with rows, and end in one schema."""
    name = own_url.partition("@/")[2].partition("?")[0]
    team = team_url.partition("@/")[2].partition("?")[0]
    execute(shared_server, f"DROP DATABASE {name} WITH (FORCE)")
    execute(
        shared_server,
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{team}'",
    )
    execute(shared_server, f"CREATE DATABASE {name} TEMPLATE {team}")
    for table in TABLES:
        assert query(own_url, ROWS.format(table)) == [(True,)], table
    before = query(own_url, CATALOGUE)
    migrated(own_url, "downgrade", "0010")
    as_released(own_url)
    assert query(own_url, "SELECT count(*) FROM nearest_models('llama')") == [(5,)]
    with (
        pytest.raises(SchemaOlder, match="older schema '0010'; run `registry db upgrade`"),
        open_database(own_url),
    ):
        pass
    migrated(own_url, "upgrade", "head")
    assert query(own_url, CATALOGUE) == before
    assert query(own_url, "SELECT count(*) FROM registry.models") == [(8,)]
    edges = "SELECT child, parent, relation, direction, because FROM registry.edges ORDER BY child"
    assert query(own_url, edges) == [
        ("llama-chat", "llama", "derived", "presumed", "verdict at ingestion"),
        ("llama-code", "llama-chat", "derived", "presumed", "verdict at ingestion"),
    ]
    migrated(own_url, "downgrade", "base")
    assert query(
        own_url,
        "SELECT count(*) FROM pg_class WHERE relnamespace::regnamespace::text LIKE 'registry%'",
    ) == [(2,)]
    migrated(own_url, "upgrade", "head")
    assert query(own_url, CATALOGUE) == before


def as_released(url):
    """Put the tables of schema 0010 where its release had them: in public, with no schema of ours."""
    for _ in range(
        5
    ):  # other tests change what the same roles own in their databases, at the same time
        with suppress(psycopg.errors.InternalError_):
            return execute(url, AS_RELEASED)
    return execute(url, AS_RELEASED)


AS_RELEASED = """
DO $$
DECLARE
    thing text;
BEGIN
    FOR thing IN SELECT format('ALTER TABLE %s SET SCHEMA public', oid::regclass) FROM pg_class
        WHERE relnamespace = 'registry_tables'::regnamespace AND relkind IN ('r', 'v')
        UNION ALL
        SELECT format('ALTER FUNCTION %s SET SCHEMA public', oid::regprocedure) FROM pg_proc
        WHERE pronamespace = 'registry_tables'::regnamespace
    LOOP
        EXECUTE thing;
    END LOOP;
    REASSIGN OWNED BY registry_owner TO CURRENT_USER;
    DROP OWNED BY registry_owner;
    DROP OWNED BY registry_writer;
    DROP OWNED BY registry_analyst;
    DROP SCHEMA registry;
    DROP SCHEMA registry_tables;
    EXECUTE format('ALTER DATABASE %I RESET search_path', current_database());
END $$"""


CATALOGUE = """
SELECT relnamespace::regnamespace::text, relname, attname, format_type(atttypid, atttypmod), col_description(pg_class.oid, attnum)
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
WHERE relnamespace::regnamespace::text LIKE 'registry%' ORDER BY 1, 2, 3
"""


def migrated(url, direction, revision):
    """Run the developers' command on a database, with no connection handed over."""
    done = alembic(url, direction, revision)
    assert done.returncode == 0, done.stderr


def alembic(url, *words):
    command = [sys.executable, "-m", "alembic", *words]
    environment = os.environ | {"REGISTRY_DATABASE_URL": url}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_alembic_finds_nothing_to_do(own_url):
    """`alembic check` sees no difference between the migrations and the tables of the code."""
    done = alembic(own_url, "check")
    assert (done.returncode, done.stdout) == (0, "No new upgrade operations detected.\n"), (
        done.stderr
    )


def test_a_server_without_create(shared_server, own_url):
    """A role that may not create schemas is told what to ask for, and that suffices."""
    name = own_url.partition("@/")[2].partition("?")[0]
    execute(shared_server, f"DROP DATABASE {name} WITH (FORCE)")
    execute(shared_server, f"CREATE DATABASE {name} TEMPLATE template1")
    execute(own_url, "CREATE EXTENSION IF NOT EXISTS vector")
    execute(own_url, "DROP ROLE IF EXISTS stranger")
    execute(own_url, "CREATE ROLE stranger LOGIN")
    stranger = own_url.replace("://registry@", "://stranger@")
    with pytest.raises(RightMissing, match="CREATE on database") as caught, open_database(stranger):
        pass
    grant = str(caught.value).partition("for: ")[2].rstrip(".")
    assert grant == f'GRANT CREATE ON database {name} TO "stranger"'
    execute(own_url, grant)
    with open_database(stranger):
        pass
    execute(own_url, "DROP OWNED BY stranger CASCADE")
    execute(own_url, "DROP ROLE stranger")
