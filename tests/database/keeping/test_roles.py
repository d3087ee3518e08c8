"""registry.database.keeping.roles: an owner, writers and analysts, made without a superuser."""

from contextlib import suppress
from urllib.parse import quote

import psycopg
import pytest
from checkpoints_made import llama, write_folder
from places import execute, rows
from psycopg import sql
from sqlalchemy import create_engine

import registry
from registry.database.connecting.addresses import parsed
from registry.database.connecting.connection import open_database
from registry.database.keeping.role_statements import LooseEnd
from registry.database.keeping.roles import Role, ensure_roles, make_roles
from registry.errors import NoSuchLogin, RegistryError, RolesRefused

DENIED = psycopg.errors.InsufficientPrivilege
T = "registry_tables.models"


def as_role(url: str, role: str) -> str:
    """The same database for another role."""
    return url.replace("://registry@", f"://{role}@")


@pytest.fixture
def engine(own_url):
    """An engine on a migrated database of the test's own."""
    made = create_engine(parsed(own_url).url)
    yield made
    made.dispose()


REFUSED = [
    f"INSERT INTO {T} (name) VALUES ('x')",
    "INSERT INTO registry_tables.tags (model_id, tag) SELECT id, 'x' FROM registry.models",
    "INSERT INTO registry.tags (tag) VALUES ('x')",
    "INSERT INTO registry.models (name) VALUES ('x')",
    f"UPDATE {T} SET name = 'x'",
    "UPDATE registry_tables.registry_version SET version_num = '0001'",
    "UPDATE pg_catalog.pg_class SET relname = 'x'",
    f"DELETE FROM {T}",
    "WITH gone AS (DELETE FROM registry_tables.edges RETURNING *) SELECT * FROM gone",
    f"MERGE INTO {T} AS m USING registry.models AS n ON m.id = n.id WHEN MATCHED THEN DELETE",
    f"TRUNCATE {T} CASCADE",
    f"EXPLAIN ANALYZE DELETE FROM {T}",
    f"COPY {T} FROM STDIN",
    f"COPY {T} FROM '/etc/passwd'",
    f"COPY {T} TO '/tmp/registry-stolen'",
    f"COPY {T} TO PROGRAM 'cat'",
    f"COPY {T} FROM PROGRAM 'true'",
    "CREATE TABLE x (a int)",
    "CREATE TABLE registry.x (a int)",
    "CREATE TABLE registry_tables.x (a int)",
    "CREATE TABLE x AS SELECT 1",
    "SELECT 1 AS a INTO x",
    "CREATE TEMP TABLE x (a int)",
    "CREATE TEMP VIEW x AS SELECT 1",
    "CREATE TEMP SEQUENCE x",
    "SELECT 1 AS a INTO TEMP x",
    "CREATE UNLOGGED TABLE x (a int)",
    "CREATE VIEW x AS SELECT 1",
    "CREATE OR REPLACE VIEW registry.models AS SELECT 1",
    "CREATE MATERIALIZED VIEW x AS SELECT 1",
    "CREATE SEQUENCE x",
    f"CREATE INDEX ON {T} (name)",
    "CREATE FUNCTION x() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE OR REPLACE FUNCTION registry.model_id(model text) RETURNS integer LANGUAGE sql RETURN 1",
    "CREATE PROCEDURE x() LANGUAGE sql AS 'SELECT 1'",
    "CREATE AGGREGATE x(int) (SFUNC = int4pl, STYPE = int)",
    "CREATE OPERATOR + (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)",
    "CREATE TYPE x AS (a int)",
    "CREATE TYPE x AS ENUM ('a')",
    "CREATE DOMAIN x AS int",
    "CREATE CAST (text AS int) WITH INOUT",
    'CREATE COLLATION x FROM "C"',
    "CREATE CONVERSION x FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1",
    "CREATE TEXT SEARCH CONFIGURATION x (COPY = simple)",
    f"CREATE STATISTICS x ON name, kind FROM {T}",
    f"CREATE TRIGGER x AFTER INSERT ON {T} EXECUTE FUNCTION registry_tables.edges_form_no_cycle()",
    f"CREATE RULE x AS ON INSERT TO {T} DO INSTEAD NOTHING",
    f"CREATE POLICY x ON {T}",
    "CREATE EVENT TRIGGER x ON ddl_command_start EXECUTE FUNCTION registry_tables.edges_form_no_cycle()",
    "CREATE SCHEMA x",
    "CREATE EXTENSION dblink",
    "CREATE EXTENSION hstore",
    "CREATE LANGUAGE x HANDLER plpgsql_call_handler",
    "CREATE ACCESS METHOD x TYPE INDEX HANDLER bthandler",
    "CREATE FOREIGN DATA WRAPPER x",
    "CREATE PUBLICATION x FOR ALL TABLES",
    "CREATE SUBSCRIPTION x CONNECTION '' PUBLICATION y WITH (connect = false)",
    "CREATE DATABASE x",
    "CREATE ROLE x",
    "CREATE TABLESPACE x LOCATION '/tmp'",
    f"ALTER TABLE {T} ADD COLUMN x int",
    f"ALTER TABLE {T} DISABLE TRIGGER ALL",
    f"ALTER TABLE {T} OWNER TO registry_analyst",
    "ALTER VIEW registry.models RENAME TO x",
    "ALTER FUNCTION registry.model_id(text) COST 1",
    "ALTER SCHEMA registry RENAME TO x",
    "ALTER DATABASE {database} SET search_path = x",
    "ALTER ROLE registry_analyst SUPERUSER",
    "ALTER ROLE registry_analyst CREATEROLE",
    "ALTER ROLE registry PASSWORD 'x'",
    "ALTER SYSTEM SET work_mem = '1MB'",
    "ALTER EXTENSION vector UPDATE",
    f"DROP TABLE {T} CASCADE",
    "DROP VIEW registry.models CASCADE",
    "DROP FUNCTION registry.model_id(text) CASCADE",
    "DROP SCHEMA registry CASCADE",
    "DROP EXTENSION vector CASCADE",
    "DROP DATABASE postgres",
    "DROP ROLE registry_writer",
    "DROP OWNED BY registry_owner",
    "REASSIGN OWNED BY registry_owner TO registry_analyst",
    "GRANT registry_owner TO registry_analyst",
    "SET ROLE registry_owner",
    "SET ROLE registry_writer",
    "SET ROLE registry",
    "SET SESSION AUTHORIZATION registry",
    "SET session_replication_role = replica",
    "SET log_statement = 'none'",
    f"DO $$ BEGIN LOCK TABLE {T} IN SHARE MODE; END $$",
    f"DO $$ BEGIN LOCK TABLE {T} IN ACCESS EXCLUSIVE MODE; END $$",
    f"SELECT * FROM {T} FOR UPDATE",
    f"SELECT * FROM {T} FOR KEY SHARE",
    "SELECT * FROM registry.models FOR SHARE",
    "SELECT nextval('registry_tables.models_id_seq')",
    "SELECT setval('registry_tables.models_id_seq', 1)",
    "SELECT lo_create(0)",
    "SELECT lo_creat(-1)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_binary_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT pg_stat_file('/')",
    "SELECT pg_reload_conf()",
    "SELECT pg_switch_wal()",
    "SELECT pg_stat_reset()",
    "SELECT pg_rotate_logfile()",
    "SELECT pg_terminate_backend({other})",
    "SELECT pg_cancel_backend({other})",
    "SELECT pg_advisory_lock(hashtext('registry.models'))",
    "SELECT pg_advisory_xact_lock(hashtext('registry.models'))",
    "SELECT pg_try_advisory_lock(1, 2)",
    "SELECT passwd FROM pg_shadow",
    "SELECT rolpassword FROM pg_authid",
    f"DO $$ BEGIN DELETE FROM {T}; END $$",
    f"REFRESH MATERIALIZED VIEW {T}",
    f"REINDEX TABLE {T}",
    f"CLUSTER {T} USING models_pkey",
    "CHECKPOINT",
    "LOAD 'auto_explain'",
    f"COMMENT ON TABLE {T} IS 'x'",
    "IMPORT FOREIGN SCHEMA x FROM SERVER y INTO registry",
]  # fmt: skip
OTHER_ERRORS = {
    "GRANT registry_owner TO registry_analyst": DENIED,
    "INSERT INTO registry.": psycopg.Error,
    "CREATE EXTENSION dblink": psycopg.Error,
    "CREATE SUBSCRIPTION": psycopg.Error,
    "REFRESH": psycopg.Error,
    "IMPORT": psycopg.Error,
    "CREATE OR REPLACE VIEW": psycopg.Error,
}
"""Beginnings of statements that are refused for another reason, too."""
UNCHANGED = """
SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_namespace),
       (SELECT md5(string_agg(r::text, '' ORDER BY oid)) FROM pg_roles AS r WHERE rolname ~ '^(registry.*|x)$'),
       (SELECT count(*) FROM pg_largeobject_metadata), (SELECT count(*) FROM pg_type),
       (SELECT md5(string_agg(m::text, '' ORDER BY id)) FROM registry_tables.models AS m),
       (SELECT count(*) FROM registry_tables.edges), (SELECT count(*) FROM registry_tables.tags),
       (SELECT last_value FROM registry_tables.models_id_seq)
"""


@pytest.fixture(scope="module")
def analyst(team_url):
    """A connection of an analyst who has turned the read-only default off, and another's process number."""
    before = rows(team_url, UNCHANGED)
    with (
        psycopg.connect(team_url, autocommit=True) as other,
        psycopg.connect(as_role(team_url, Role.ANALYST), autocommit=True) as connection,
    ):
        connection.execute("SET default_transaction_read_only = off")
        yield connection, other.info.backend_pid
        assert other.execute("SELECT 1").fetchone() == (1,)
    assert rows(team_url, UNCHANGED) == before


@pytest.mark.parametrize("statement", REFUSED)
def test_an_analyst_changes_nothing(analyst, statement):
    """Every kind of statement that would is refused, however the session is set."""
    connection, other = analyst
    database = sql.Identifier(connection.info.dbname).as_string()
    error = next((e for start, e in OTHER_ERRORS.items() if statement.startswith(start)), DENIED)
    with pytest.raises(error):
        connection.execute(statement.replace("{other}", str(other)).replace("{database}", database))


@pytest.mark.parametrize(
    "statement",
    [f"VACUUM {T}", f"ANALYZE {T}", "GRANT SELECT ON registry.models TO PUBLIC", "DROP OWNED BY CURRENT_USER",
     "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC", f"REVOKE SELECT ON {T} FROM registry_writer"],
)  # fmt: skip
def test_what_is_answered_by_a_warning(team_url, analyst, statement):
    """Statements that Postgres passes over leave the rights of all tables as they were."""
    rights = "SELECT relname, relacl::text FROM pg_class WHERE relnamespace::regnamespace::text LIKE 'registry%' ORDER BY oid"
    before = rows(team_url, rights)
    connection, _ = analyst
    with suppress(DENIED):
        connection.execute(statement)
    assert rows(team_url, rights) == before


def test_an_analyst_reads(analyst):
    """Views, functions and tables; what a session does to itself is its own affair."""
    connection, _ = analyst
    for query in (
        "SELECT count(*) FROM models", f"SELECT count(*) FROM {T}", "SELECT count(*) FROM nearest_models('llama')",
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1", "NOTIFY x", "LISTEN x", "PREPARE x AS SELECT 1", "SET work_mem = '8MB'",
        "DO $$ BEGIN PERFORM count(*) FROM registry.models; END $$",
    ):  # fmt: skip
        connection.execute(query)
    copied = connection.cursor()
    with copied.copy("COPY (SELECT name FROM models) TO STDOUT") as stream:
        assert sum(1 for _ in stream) == 8


def test_an_analysts_session(team_url):
    """It reads schema registry without naming it, writes nothing by default, and ends what takes too long."""
    with psycopg.connect(as_role(team_url, Role.ANALYST)) as connection:
        shown = [connection.execute(f"SHOW {name}").fetchone()[0] for name in
                 ("search_path", "default_transaction_read_only", "statement_timeout")]  # fmt: skip
    assert shown == ["registry, public", "on", "1min"]


def test_settings_that_were_changed_come_back(own_url, engine):
    """A role may change settings of its own: the embedded database has them right at the next command."""
    ensure_roles(engine)
    with psycopg.connect(as_role(own_url, Role.ANALYST), autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(
            f"ALTER ROLE registry_analyst IN DATABASE {connection.info.dbname} SET search_path = pg_catalog"
        )
    ensure_roles(engine)
    assert rows(as_role(own_url, Role.ANALYST), "SHOW search_path") == [("registry, public",)]


def test_made_twice(own_url, engine):
    """The second time nothing is created, and nothing is granted anew."""
    rights = "SELECT relname, relacl::text, relowner FROM pg_class WHERE relnamespace::regnamespace::text LIKE 'registry%' ORDER BY oid"
    first = make_roles(engine)
    assert first.loose_ends == ()
    before = rows(own_url, rights)
    assert make_roles(engine).created == ()
    assert rows(own_url, rights) == before


@pytest.fixture
def login(own_url):
    """A login user without rights, of an odd name that no test beside this one has."""
    database = own_url.partition("@/")[2].partition("?")[0]
    name = f"o'dd\"user {database}"
    quoted = sql.Identifier(name).as_string()
    execute(own_url, f"DROP ROLE IF EXISTS {quoted}")
    execute(own_url, f"CREATE ROLE {quoted} LOGIN")
    yield name
    execute(own_url, f"DROP OWNED BY {quoted}")
    execute(own_url, f"DROP ROLE {quoted}")


def address_of(url, login):
    """The same database for a user of an odd name."""
    return url.replace("://registry@", "://" + quote(login) + "@")


def test_a_writer(own_url, engine, login, tmp_path):
    """A login user with that role ingests, identifies and removes, and migrates nothing."""
    make_roles(engine, [(login, Role.WRITER)])
    address = address_of(own_url, login)
    model = write_folder(tmp_path / "model", llama())
    with registry.Registry(address) as known:
        known.ingest(model)
        assert known.identify(model).verdict.model == "model"
        known.remove("model")
    execute(address, "CREATE TEMP TABLE x (a int)")  # of an import
    for statement in (f"ALTER TABLE {T} ADD COLUMN x int", "CREATE TABLE registry_tables.x (a int)",
                      "UPDATE registry_tables.registry_version SET version_num = '0'", f"TRUNCATE {T}"):  # fmt: skip
        with pytest.raises(DENIED):
            execute(address, statement)


def test_an_owner(own_url, engine, login):
    """A login user with that role may alter the tables that somebody else made."""
    make_roles(engine, [(login, Role.OWNER)])
    execute(address_of(own_url, login), f"ALTER TABLE {T} ADD COLUMN x int")


def test_a_login_of_an_analyst(own_url, engine, login):
    """A login user with that role has its settings, which Postgres does not hand on."""
    make_roles(engine, [(login, Role.ANALYST)])
    assert rows(address_of(own_url, login), "SHOW search_path") == [("registry, public",)]
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        execute(address_of(own_url, login), f"DELETE FROM {T}")


def test_a_login_that_is_not_there(engine):
    """It is named, and nothing is granted."""
    with pytest.raises(NoSuchLogin, match="no role 'nobody-here'; create it with CREATE ROLE"):
        make_roles(engine, [("nobody-here", Role.ANALYST)])


def test_new_tables_are_covered(own_url, engine):
    """What the owner creates later, analysts read and writers write, without a further grant."""
    make_roles(engine)
    with psycopg.connect(own_url, autocommit=True) as connection:
        connection.execute("SET ROLE registry_owner")
        connection.execute("CREATE TABLE registry_tables.later (a int)")
        connection.execute("CREATE VIEW registry.later AS SELECT a FROM registry_tables.later")
    assert rows(as_role(own_url, Role.ANALYST), "SELECT * FROM registry.later") == []
    with psycopg.connect(own_url) as connection:
        connection.execute("SET ROLE registry_writer")
        connection.execute("INSERT INTO registry_tables.later VALUES (1)")


@pytest.mark.slow
def test_without_a_superuser(running):
    """A role with CREATEROLE that owns the database makes all, and its server needs nobody else."""
    address = running.address()
    execute(address, "CREATE ROLE maker LOGIN CREATEROLE")
    execute(address, "CREATE ROLE helpless LOGIN")
    execute(address, "CREATE DATABASE theirs OWNER helpless")
    helpless = address.replace("://registry@/registry?", "://helpless@/theirs?")
    execute(address.replace("/registry?", "/theirs?"), "CREATE EXTENSION vector")
    with open_database(helpless) as engine, pytest.raises(RolesRefused) as caught:
        make_roles(engine)
    advice = 'lacks CREATEROLE; ask the administrator of the server for: ALTER ROLE "helpless" CREATEROLE, or to run: CREATE ROLE registry_owner;'
    assert advice in str(caught.value)

    execute(address, "CREATE DATABASE ours OWNER maker")
    maker = address.replace("://registry@/registry?", "://maker@/ours?")
    execute(address.replace("/registry?", "/ours?"), "CREATE EXTENSION vector")
    with open_database(maker) as engine:
        granted = make_roles(engine)
        assert granted.created == tuple(Role)
        assert granted.loose_ends == (LooseEnd.LARGE_OBJECTS, LooseEnd.LOCKS)
        assert make_roles(engine).created == ()
    execute(address, "ALTER ROLE registry_analyst LOGIN")
    analyst = address.replace("://registry@/registry?", "://registry_analyst@/ours?")
    assert rows(analyst, "SELECT count(*) FROM models") == [(0,)]
    with registry.Registry(maker) as known:
        assert known.models() == []

    with (
        open_database(helpless) as engine,
        pytest.raises(
            RegistryError, match='membership in registry_owner.*GRANT registry_owner TO "helpless"'
        ),
    ):
        make_roles(engine)
