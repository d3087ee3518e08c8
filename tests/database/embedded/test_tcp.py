"""registry.database.embedded.tcp and .urls: addresses that stay, and a port for analysts on request."""

import socket
import stat
from contextlib import closing

import psycopg
import pytest
from places import execute, rows

from registry.database.embedded import tcp
from registry.database.keeping import admin
from registry.errors import PortTaken


@pytest.fixture
def own(server, monkeypatch):
    """The embedded server that commands use."""
    monkeypatch.delenv("REGISTRY_DATABASE_URL", raising=False)
    monkeypatch.setenv("REGISTRY_DATA_DIR", str(server.data_dir))
    return server


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        return taken.getsockname()[1]


@pytest.mark.slow
def test_addresses_stay(own):
    """That of analysts is the default, neither changes when the server starts anew, and only one may write."""
    analyst, owner = admin.url(), admin.url(owner=True)
    assert rows(analyst, "SELECT current_user::text") == [("registry_analyst",)]
    assert rows(owner, "SELECT current_user::text") == [("registry",)]
    with pytest.raises(psycopg.Error, match="read-only transaction"):
        execute(analyst, "CREATE TABLE x (a int)")
    admin.stop()
    assert (admin.url(), admin.url(owner=True)) == (analyst, owner)
    assert rows(analyst, "SELECT 1") == [(1,)]
    with pytest.raises(psycopg.Error, match="requirepeer"):
        execute(analyst.replace("requirepeer=", "requirepeer=un"), "SELECT 1")


@pytest.mark.slow
def test_a_port_on_request(own):
    """Analysts come in with the password and nobody else does, until the server is stopped."""
    before = admin.url()
    port = free_port()
    address = admin.start(port)
    password = (own.data_dir / tcp.PASSWORD_FILE).read_text()
    assert address == f"postgresql://registry_analyst:{password}@127.0.0.1:{port}/registry"
    assert stat.S_IMODE((own.data_dir / tcp.PASSWORD_FILE).stat().st_mode) == 0o600
    assert rows(address, "SELECT count(*) FROM models") == [(0,)]
    assert rows(before, "SELECT 1") == [(1,)]
    assert admin.start(port) == address
    for wrong in (address.replace(password, "x"), address.replace(f":{password}", ""),
                  f"postgresql://registry@127.0.0.1:{port}/registry", address.replace("/registry", "/postgres")):  # fmt: skip
        with pytest.raises(psycopg.OperationalError, match="password|no pg_hba.conf entry"):
            execute(wrong, "SELECT 1")
    admin.stop()
    with own.connected():
        assert own.open_at() is None
    assert password not in (own.data_dir / "server.log").read_text()


def test_a_port_that_another_has(own):
    """It is refused before anything is stopped."""
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as taken,
        pytest.raises(PortTaken, match="cannot be opened.*--port"),
    ):
        own.open_port(taken.getsockname()[1])


def test_a_port_that_another_took_meanwhile(tmp_path):
    """The server then starts without it, for commands need none."""
    (tmp_path / tcp.PORT_FILE).write_text(str(free_port()))
    assert tcp.chosen_port(tmp_path)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        (tmp_path / tcp.PORT_FILE).write_text(str(taken.getsockname()[1]))
        assert tcp.chosen_port(tmp_path) is None
    (tmp_path / tcp.PORT_FILE).write_text("x")
    assert tcp.chosen_port(tmp_path) is None
