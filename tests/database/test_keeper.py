"""registry.database.embedded.keeper: a server stays as long as it is needed, and no longer."""

# ruff: noqa: SIM300  # expected == actual

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from embedded_servers import (
    LINGER,
    LINUX,
    alive,
    ask,
    client,
    eventually,
    postmaster,
    sockets,
)

pytestmark = pytest.mark.slow


def test_stops_after_the_last_client(server):
    """Soon after the last client has gone the server stops by itself and removes its socket's folder."""
    with server.connected() as url:
        assert sockets(url).is_dir()
    assert server.running()
    assert eventually(lambda: not server.running())
    assert eventually(lambda: not sockets(url).exists())


def test_killed_client_leaves_no_server(server):
    """A client that was killed counts as gone: the server stops by itself."""
    with client(server) as doomed:
        doomed.stdout.readline()
        assert server.running()
        doomed.send_signal(signal.SIGKILL)
    assert eventually(lambda: not server.running())


def test_stays_while_it_is_needed(server, make):
    """A server stays for a client that takes long; a started one also without, until it is stopped."""
    with make().connected() as other:
        url = server.start()
        time.sleep(3 * LINGER)  # the keepers have looked
        assert (1, 1) == (ask(other, "SELECT 1"), ask(url, "SELECT 1"))
    assert (True, False) == (server.stop(), server.stop())
    assert not server.pinned.exists()
    assert eventually(lambda: not sockets(url).exists())


def test_removed_folder_leaves_no_server(make):
    """When the data folder is removed under a server, the server goes."""
    server = make()
    with server.connected():
        pid = postmaster(server)
    shutil.rmtree(server.data_dir)
    assert eventually(lambda: not alive(pid))


@LINUX
def test_keeper_takes_the_server_with_it(server):
    """A server whose keeper is told to end does not stay behind without anybody to stop it."""
    with server.connected() as url:
        status = Path(f"/proc/{postmaster(server)}/status").read_text()
        keeper = int(status.partition("PPid:")[2].split()[0])
        os.kill(keeper, signal.SIGTERM)
        assert eventually(lambda: not server.running())
        assert eventually(lambda: not sockets(url).exists())
