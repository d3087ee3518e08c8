"""registry.database.embedded.keeper: a server stays as long as it is needed, and no longer."""

# ruff: noqa: SIM300  # expected == actual

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest
from embedded_servers import (
    LINGER,
    alive,
    ask,
    client,
    eventually,
    keeper,
    postmaster,
    sockets,
)

from registry.database.embedded import keeper as module
from registry.database.embedded.keeper import Orders, adopted

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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT, signal.SIGINT])
def test_keeper_takes_the_server_with_it(server, number):
    """A server whose keeper is told to end does not stay behind without anybody to stop it."""
    with server.connected() as url:
        keeper(server).send_signal(number)
        assert eventually(lambda: not server.running())
        assert eventually(lambda: not sockets(url).exists())


def test_killed_keeper_is_replaced(server):
    """The next command gives a server whose keeper was killed another, which stops it in the end."""
    with server.connected() as url:
        keeper(server).kill()
        assert eventually(lambda: not server.kept())
        with server.connected():
            assert server.kept()
            assert ask(url, "SELECT 1") == 1
    assert eventually(lambda: not server.running())
    assert eventually(lambda: not sockets(url).exists())


def test_keeper_and_server_killed(server):
    """When both are killed the next command starts anew, at the same address."""
    with server.connected() as old:
        first = psutil.Process(postmaster(server))
        first.parent().kill()
        first.kill()
        with server.connected() as url:
            assert ask(url, "SELECT 1") == 1
            assert url == old
    assert eventually(lambda: not sockets(url).exists())


def test_killed_keeper_and_stop(server):
    """Stopping a server whose keeper was killed leaves no socket behind."""
    with server.connected() as url:
        keeper(server).kill()
        assert eventually(lambda: not server.kept())
        assert server.stop()
    assert not sockets(url).exists()


def test_adopts_no_other_process():
    """A process that got the number of a server that has gone is not taken for it."""
    with subprocess.Popen(["sleep", "60"]) as other:
        created = psutil.Process(other.pid).create_time()
        orders = Orders("", "", 1.0, pid=other.pid, created=created - 1)
        assert adopted(orders) is None
        assert adopted(replace(orders, created=created)) is not None
        other.kill()
    assert adopted(orders) is None


def test_end_is_bounded(monkeypatch):
    """What takes no notice of the signals that end a server is killed."""
    monkeypatch.setattr(module, "STEPS", ((signal.SIGINT, 0.1), (signal.SIGQUIT, 0.1)))
    stubborn = (
        "import signal, sys; signal.signal(2, signal.SIG_IGN); signal.signal(3, signal.SIG_IGN)"
    )
    stubborn += "; print(flush=True); sys.stdin.read()"
    pipe = subprocess.PIPE
    with psutil.Popen([sys.executable, "-c", stubborn], stdin=pipe, stdout=pipe) as process:
        process.stdout.readline()
        module.end(process)
        assert process.wait(1) == -signal.SIGKILL
