"""registry.database.embedded.health: what is wrong with the embedded server, and what is mended."""

import os
import signal
import socket
import tempfile
from pathlib import Path

import psycopg
import pytest
from embedded_servers import ask, eventually, keeper, postmaster

from registry.database.embedded import health, sockets
from registry.database.embedded.health import findings
from registry.database.keeping.ailments import Ailment, Finding

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def own_parent(monkeypatch):
    """A folder in place of /tmp, where the sockets of others' servers would be found too."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        parent = Path(name)
        parent.chmod(0o755)
        monkeypatch.setattr(sockets, "PARENT", parent)
        yield parent


def looked(server):
    """What is wrong, without mending."""
    return list(findings(server, mend=False))


def mended(server):
    """What was wrong and has been mended; nothing is left of it."""
    result = list(findings(server, mend=True))
    assert all(finding.mended for finding in result)
    assert looked(server) == []
    return [(finding.ailment, finding.subject) for finding in result]


def test_nothing_is_wrong(server):
    """With a server that runs, one that does not, or none at all."""
    assert looked(server) == []
    server.prepare()
    assert looked(server) == []


def test_folder_open_to_others(server):
    """A data folder or cluster that others may enter, which Postgres refuses, is closed."""
    for path in (server.data_dir, server.cluster):
        path.chmod(0o755)
        expected = Finding(Ailment.FOLDER_OPEN, str(path), detail="0755")
        assert looked(server) == [expected]
        assert mended(server) == [(Ailment.FOLDER_OPEN, str(path))]


def test_folder_of_another(server, monkeypatch):
    """A data folder of another user is told, and left."""
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    finding = next(findings(server, mend=True))
    assert (finding.ailment, finding.mended) == (Ailment.FOLDER_OF_ANOTHER, False)


def test_locks_that_do_not_work(server, monkeypatch):
    """A disk on which two processes get one lock is told."""
    monkeypatch.setattr(health, "FREE", 0)
    monkeypatch.setattr("fcntl.flock", lambda *_: None)
    assert looked(server) == [Finding(Ailment.NO_LOCKS, str(server.data_dir))]


def test_little_room(server, monkeypatch):
    """A disk that is nearly full is told."""
    monkeypatch.setattr(health, "LEAST_FREE", 1 << 60)
    (finding,) = looked(server)
    assert finding.ailment is Ailment.DISK_FULL
    assert finding.detail.endswith(" MiB")


def test_half_made_cluster(server):
    """What a killed initdb left is removed, but not while one is at work."""
    draft = server.data_dir / "cluster.new"
    draft.mkdir()
    with health.locked(server.data_dir / "server", health.FREE):
        assert Ailment.HALF_MADE not in {finding.ailment for finding in looked(server)}
    assert mended(server) == [(Ailment.HALF_MADE, str(draft))]


def test_left_sockets(server, own_parent):
    """Folders of sockets on which nobody listens are removed; those of living servers stay."""
    left, used, young = (own_parent / f"registry-{name}" for name in ("left", "used", "young"))
    for path in (left, used, young):
        path.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead, socket.socket(socket.AF_UNIX) as listening:
        dead.bind(str(left / ".s.PGSQL.5432"))
        listening.bind(str(used / ".s.PGSQL.5432"))
        listening.listen()
        dead.close()
        assert mended(server) == [(Ailment.SOCKETS_LEFT, str(left))]
    assert (left.exists(), used.exists(), young.exists()) == (False, True, True)


def test_server_without_keeper(server):
    """A server whose keeper was killed gets another."""
    with server.connected():
        keeper(server).kill()
        assert eventually(lambda: not server.kept())
        assert mended(server) == [(Ailment.NO_KEEPER, str(postmaster(server)))]
        assert server.kept()


def test_server_that_serves_nobody(server):
    """One that was told to end and waits for a session is stopped."""
    with server.connected() as url, psycopg.connect(url):
        first = postmaster(server)
        os.kill(first, signal.SIGTERM)
        assert eventually(lambda: server.status() == "stopping")
        assert mended(server) == [(Ailment.NOT_SERVING, str(first))]


def test_server_meant_to_stay(server):
    """One that was started to stay and was killed is started again."""
    server.start()
    os.kill(postmaster(server), signal.SIGKILL)
    assert eventually(lambda: not server.running())
    assert mended(server) == [(Ailment.NOT_UP, str(server.data_dir))]
    with server.connected() as url:
        assert ask(url, "SELECT 1") == 1
    server.stop()
