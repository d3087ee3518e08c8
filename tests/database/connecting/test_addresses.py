"""registry.database.connecting.addresses: URLs as users write them, and no password in what is shown."""

import traceback

import psycopg
import pytest
from command_line import run, start
from embedded_servers import eventually
from sqlalchemy import create_engine

from registry import settings
from registry.database.connecting.addresses import parsed
from registry.database.connecting.connection import open_database
from registry.database.connecting.engines import engine_to
from registry.errors import BadDatabaseURL, DatabaseUnreachable, LoginRefused, RegistryError

SECRET = "hunter2"
WRITTEN = {
    "plain": f"postgresql://u:{SECRET}@127.0.0.1:1/x",
    "in the query": f"postgresql://u@127.0.0.1:1/x?password={SECRET}",
    "of a key": f"postgresql://u@127.0.0.1:1/x?sslpassword={SECRET}&sslmode=prefer",
    "with @": f"postgresql://u:a@{SECRET}@127.0.0.1:1/x",
    "with /": f"postgresql://u:a/{SECRET}@127.0.0.1:1/x",
    "with :": f"postgresql://u:a:{SECRET}@127.0.0.1:1/x",
    "with #": f"postgresql://u:a#{SECRET}@127.0.0.1:1/x",
    "with ?": f"postgresql://u:a?{SECRET}@127.0.0.1:1/x",
    "with % that encodes nothing": f"postgresql://u:a%zz{SECRET}@127.0.0.1:1/x?connect_timeout=2",
    "with all of them": f"postgresql://u:/@?#%:{SECRET}@127.0.0.1:1/x?sslmode=prefer",
    "with the look of a query": f"postgresql://u:?user={SECRET}@127.0.0.1:1/x",
    "with space": f"postgresql://u:a b {SECRET}@127.0.0.1:1/x",
    "without a host": f"postgresql://u:{SECRET}",
    "without a host, with /": f"postgresql://u:{SECRET}/x",
    "after an unknown parameter": f"postgresql://u@127.0.0.1:1/x?passwort={SECRET}",
    "no URL": f"host=127.0.0.1 port=1 password={SECRET}",
    "with a line break": f"postgresql://u:{SECRET}\n@127.0.0.1:1/x",
    "another scheme": f"mysql://u:{SECRET}@127.0.0.1:1/x",
}


@pytest.mark.parametrize(
    ("given", "parameters"),
    [
        ("postgres://u:p@h:1/d", {"password": "p", "port": "1"}),
        ("postgresql+psycopg2://u:p%40s@h/d", {"password": "p@s"}),
        (" POSTGRESQL://u:p@s/t:?#%zz@h/d?sslmode=require ", {"password": "p@s/t:?#%zz", "sslmode": "require"}),
        ("postgresql://u:p@h/d?password=q&sslpassword=r", {"password": "q", "sslpassword": "r"}),
    ],
    ids=["postgres", "psycopg2", "unencoded", "query"],
)  # fmt: skip
def test_every_spelling_is_read_as_it_is_meant(given, parameters):
    """The password ends at the last @ before the host, whatever it holds."""
    expected = {"user": "u", "host": "h", "dbname": "d", **parameters}
    assert parsed(given).parameters == expected


@pytest.mark.parametrize(
    ("given", "parameters"),
    [
        ("postgresql://", {}),
        ("postgresql://me@srv:pw@h/d", {"user": "me@srv", "password": "pw", "host": "h", "dbname": "d"}),
        ("postgresql://h1:1,h2:2/d", {"host": "h1,h2", "port": "1,2", "dbname": "d"}),
        ("postgresql:///d?host=a&host=b", {"host": "a,b", "dbname": "d"}),
        ("postgresql://[::1]:5/d", {"host": "::1", "port": "5", "dbname": "d"}),
        ("postgresql://%2Ftmp/d", {"host": "/tmp", "dbname": "d"}),
        ("postgresql://r@/d?host=/tmp/x&port=5", {"user": "r", "host": "/tmp/x", "port": "5", "dbname": "d"}),
        ("postgresql://h/d?application_name=a@b", {"host": "h", "dbname": "d", "application_name": "a@b"}),
    ],
    ids=["nothing", "user with @", "hosts", "hosts in the query", "IPv6", "socket", "socket in the query", "@ in the query"],
)  # fmt: skip
def test_what_libpq_reads_is_read(given, parameters):
    """Several hosts, sockets and IPv6; and the address for psql reads back the same."""
    address = parsed(given)
    assert address.parameters == parameters
    assert parsed(address.for_psql()) == address
    assert create_engine(address.url).url == address.url


@pytest.mark.parametrize(
    "given",
    [
        "mysql://h/d",
        "nonsense",
        "postgresql://h:port/d",
        "postgresql://h/d?colour=red",
        "postgresql://u/p@h/d",
        "postgresql://h/d?connect_timeout=soon",
    ],
)
def test_not_an_address(given):
    """Anything else is refused before a connection is tried."""
    with pytest.raises(BadDatabaseURL, match="not a Postgres address"), open_database(given):
        pass


@pytest.mark.parametrize("given", WRITTEN.values(), ids=list(WRITTEN))
def test_no_error_shows_a_password(given, monkeypatch):
    """Neither a sentence, nor the traceback with all causes, nor what a command prints has any of it."""
    with pytest.raises(RegistryError) as caught, open_database(given):
        pass
    error: BaseException | None = caught.value
    assert SECRET not in "".join(traceback.format_exception(error))
    while error:
        assert SECRET not in repr(error)
        error = error.__cause__ or error.__context__
    monkeypatch.setenv("REGISTRY_DATABASE_URL", given)
    for arguments in (("list",), ("db", "status", "--json"), ("db", "upgrade")):
        result = run(*arguments)
        assert result.exit_code == 1
        assert SECRET not in result.output


def test_no_object_shows_a_password():
    """The address and the engine are printed without it."""
    given = WRITTEN["with all of them"]
    for thing in (parsed(given), engine_to(given), engine_to(given).url):
        assert SECRET not in repr(thing)
        assert SECRET not in str(thing)


def test_the_status_shows_no_password(url, monkeypatch):
    """Not even where the connection succeeds; the rest of the address is there."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", f"{url}&password={SECRET}&sslpassword={SECRET}")
    for flags in ((), ("--json",)):
        result = run("db", "status", *flags)
        assert result.exit_code == 0
        assert SECRET not in result.output
    assert "registry:***@" in result.output


def test_a_password_with_marks_is_sent_whole(monkeypatch):
    """`registry db url` gives psql the password encoded, and the driver gets it as it was meant."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", "postgresql://u:a@b/c?d#e@h/x")
    assert run("db", "url").output == "postgresql://u:a%40b%2Fc%3Fd%23e@h/x\n"


def test_an_unknown_role_is_no_server_to_start(url):
    """Who comes, or the password, is at fault; the advice says how a password is written."""
    stranger = url.replace("registry@", f"nobody_here:{SECRET}@")
    with pytest.raises(LoginRefused, match=r"nobody_here.*%40 for @") as caught:
        open_database(stranger).__enter__()
    assert "start it" not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_nobody_answers():
    """Where no server is, the advice is to start it."""
    with pytest.raises(DatabaseUnreachable, match="start it"), open_database(WRITTEN["with @"]):
        pass


def test_the_name_that_a_server_shows(url, monkeypatch):
    """It is `registry COMMAND`, or the user's own choice."""

    def name_at(address):
        with engine_to(address).connect() as connection:
            query = "SELECT current_setting('application_name')"
            return connection.exec_driver_sql(query).scalar()

    assert name_at(url) == "registry"
    monkeypatch.setattr(settings.PROGRAM, "command", "db status")
    assert name_at(url) == "registry db status"
    assert name_at(f"{url}&application_name=mine") == "mine"
    monkeypatch.setenv("PGAPPNAME", "theirs")
    assert name_at(url) == "theirs"


def test_a_command_goes_by_its_name(url):
    """While it runs, and no longer."""
    names = []
    with (
        psycopg.connect(url, autocommit=True) as observer,
        psycopg.connect(url) as holder,
    ):
        holder.execute("LOCK TABLE registry_tables.models")
        process = start("list")
        query = "SELECT application_name FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        assert eventually(lambda: names.extend(observer.execute(query).fetchall()) or names, 60)
        holder.rollback()
        process.communicate()
    assert names == [("registry list",)]
