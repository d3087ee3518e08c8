"""registry.database.embedded.server, with real ones: they come up once, in any folder, and after accidents."""

# ruff: noqa: SIM300  # expected == actual

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from fcntl import LOCK_EX
from pathlib import Path

import psycopg
import pytest
from embedded_servers import (
    AS_ROOT,
    LINUX,
    OPENER,
    alive,
    ask,
    client,
    eventually,
    modes,
    postmaster,
    processes,
    sockets,
)
from places import ROOT

from registry.database.embedded import binaries, locks
from registry.database.embedded import cluster as clusters
from registry.database.embedded import processes as processes_of
from registry.database.embedded import server as module
from registry.database.embedded.cluster import last_line
from registry.database.embedded.locks import locked
from registry.database.embedded.server import Server
from registry.errors import ServerFailed, ServerUnavailable

pytestmark = pytest.mark.slow


def test_first_use_creates_the_cluster(server):
    """The first use made a cluster, with a server that answers and has pgvector to offer."""
    assert "18" == (server.cluster / "PG_VERSION").read_text().strip()
    with server.connected() as url:
        assert 1 == ask(url, "SELECT 1")
        assert [1.0, 2.0] == vector(url)


def vector(url):
    """A vector from pgvector itself."""
    with psycopg.connect(url) as connection:
        connection.execute("CREATE EXTENSION vector")
        return connection.execute("SELECT '[1,2]'::vector::real[]").fetchone()[0]


def test_second_client_shares_the_server(running):
    """A client that comes while another is at work gets the same server."""
    with client(running) as second:
        assert postmaster(running) == int(second.stdout.readline())


def test_eight_at_once_get_one_server(make):
    """Eight processes that start at once on a cold folder all get one and the same server."""
    server = make(cold=True)
    with many(server, 8) as clients:
        pids = {int(process.stdout.readline()) for process in clients}
        assert {postmaster(server)} == pids


@contextmanager
def many(server, count):
    """Several clients."""
    with client(server) as first:
        if count == 1:
            yield [first]
        else:
            with many(server, count - 1) as others:
                yield [first, *others]


def test_stop_without_a_folder(make):
    """To stop what never ran is no error, and makes no folder."""
    server = make(cold=True)
    assert not server.stop()
    assert not server.data_dir.exists()


def test_two_folders_two_servers(running, make):
    """Two data folders have two servers at once, with nothing in common."""
    first = make()
    with first.connected() as one, running.connected() as other:
        with psycopg.connect(one) as connection:
            connection.execute("CREATE TABLE mine (x int)")
        assert "mine" == ask(one, "SELECT to_regclass('mine')::text")
        assert ask(other, "SELECT to_regclass('mine')") is None
        assert postmaster(first) != postmaster(running)


def test_closed_parents_stay_closed(make, tmp_path):
    """Under a folder that only we may enter the server works, and no parent's mode is changed for it."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = make("closed/data")
    before = modes(server.data_dir)
    with server.connected() as url:
        assert 1 == ask(url, "SELECT 1")
        assert before == modes(server.data_dir)
    assert 0o700 == before[closed]
    assert 0o700 == stat.S_IMODE(server.data_dir.stat().st_mode)


def test_spaces_and_unicode_in_the_path(make):
    """The data folder may be called anything."""
    with make('größe 模型/it\'s "100%" $HOME\\ data', cold=True).connected() as url:
        assert 1 == ask(url, "SELECT 1")


def test_long_path(make):
    """A path longer than a socket's address (107 bytes) works: the socket is elsewhere, for us alone."""
    server = make("/".join(["long" * 15] * 5))
    assert len(os.fsencode(server.data_dir)) > 300
    with server.connected() as url:
        assert 1 == ask(url, "SELECT 1")
        assert 0o700 == stat.S_IMODE(sockets(url).stat().st_mode)
        (socket,) = sockets(url).glob("*.5432")
        assert 0o700 == stat.S_IMODE(socket.stat().st_mode)


@LINUX
def test_no_tcp(running):
    """The server listens on its socket and on no network address."""
    with running.connected() as url:
        assert ask(url, "SHOW listen_addresses") == ""
        assert sockets(url) == Path(ask(url, "SHOW unix_socket_directories"))
        assert set() == tcp_listeners() & descriptors(postmaster(running))


def tcp_listeners():
    """All listening TCP sockets, by the names that /proc/PID/fd gives them."""
    rows = [row.split() for table in ("tcp", "tcp6") if (path := Path("/proc/net", table)).exists()
            for row in path.read_text().splitlines()[1:]]  # fmt: skip
    return {f"socket:[{row[9]}]" for row in rows if row[3] == "0A"}


def descriptors(pid):
    """What a process has open."""
    return {str(link.readlink()) for link in Path("/proc", str(pid), "fd").iterdir()}


def test_callers_environment_does_not_matter(make):
    """A locale that does not exist and Postgres variables that lead nowhere reach nobody."""
    odd = {
        "LC_ALL": "xx_YY.not-generated",
        "PGHOST": "nowhere",
        "PGDATA": "/nonexistent",
        "PGPORT": "1",
    }
    odd |= {
        "PGUSER": "nobody",
        "PGDATABASE": "nothing",
        "REGISTRY_DATA_DIR": str(make(cold=True).data_dir),
    }
    environment = {
        name: value for name, value in os.environ.items() if name != "REGISTRY_DATABASE_URL"
    } | odd
    done = subprocess.run(
        [sys.executable, "-c", OPENER],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "0\n", "") == (done.returncode, done.stdout, done.stderr)


def test_other_variables_of_libpq_do_not_matter(running, monkeypatch):
    """Variables that would lead a client elsewhere, or ask for another kind of server, are overruled."""
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
    monkeypatch.setenv("PGOPTIONS", "-c no_such_setting=1")
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "standby")
    monkeypatch.setenv("PGCHANNELBINDING", "require")
    with running.connected():
        assert running.running()


def test_what_the_client_is_refused_for(running, monkeypatch):
    """Where the server is ready and we are not let in, the sentence says what for."""
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    monkeypatch.setenv("PGSERVICE", "nothing")
    with pytest.raises(ServerFailed, match=r'definition of service "nothing" not found'):
        running.start()


def test_stale_pid_file_of_a_living_process(server):
    """After a crash the server's process id may be another's, which is not waited for nor signalled."""
    account = binaries.identity(
        binaries.unprivileged()
    )  # another user's would not mislead Postgres
    with subprocess.Popen(["sleep", "60"], cwd="/", **account) as other:
        stale = (
            f"{other.pid}\n{server.cluster}\n1700000000\n5432\n/tmp/registry-gone\n\n  1 2\nready\n"
        )
        (server.cluster / "postmaster.pid").write_text(stale)
        assert not server.stop()
        with server.connected() as url:
            assert 1 == ask(url, "SELECT 1")
            assert other.pid != postmaster(server)
        assert other.poll() is None
        other.kill()


def test_stop_while_the_pid_is_gone(server):
    """Stopping waits for a server whose first process has died already and signals nobody."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    (server.cluster / "postmaster.pid").write_text(f"{gone.pid}\n")
    with locked(server.data_dir / "server", LOCK_EX) as lock:
        release = threading.Timer(0.3, os.dup2, (os.open(os.devnull, os.O_RDONLY), lock))
        release.start()
        assert server.stop()


@pytest.mark.parametrize("whole", [True, False], ids=["all", "postmaster"])
def test_killed_server_recovers(server, whole):
    """After SIGKILL to the server, or its first process alone, the next client finds what was committed."""
    with server.connected() as url:
        with psycopg.connect(url) as connection:
            connection.execute(f"CREATE TABLE kept_{whole} AS SELECT 42 AS x")
        for pid in [postmaster(server), *(processes(url) if whole else ())]:
            os.kill(pid, signal.SIGKILL)
        with server.connected() as again:
            assert 42 == ask(again, f"SELECT x FROM kept_{whole}")
    assert eventually(lambda: not sockets(url).exists())


def test_survivors_of_a_killed_server_are_waited_for(server):
    """While a child of a killed server lives, no second server touches the same files."""
    with server.connected() as url:
        survivor = processes(url)[0]
        first = postmaster(server)
        os.kill(survivor, signal.SIGSTOP)
        os.kill(first, signal.SIGKILL)
        threading.Timer(0.5, os.kill, (survivor, signal.SIGCONT)).start()
        began = time.monotonic()
        with server.connected() as again:
            assert 1 == ask(again, "SELECT 1")
            assert time.monotonic() - began > 0.4
            assert first != postmaster(server)


@pytest.mark.parametrize("delay", [0.0, 0.004, 0.008, 0.016])
def test_told_to_stop_while_it_recovers(server, delay, monkeypatch):
    """A server that never stops, as it was told to while it recovered, is ended; the next one answers."""
    steps = ((signal.SIGINT, 0.5), (signal.SIGQUIT, 1.0))
    monkeypatch.setattr(processes_of, "STEPS", steps)
    with server.connected() as url, psycopg.connect(url) as session:
        session.execute("CREATE TABLE IF NOT EXISTS recovered (x int)")
        session.commit()
        os.kill(session.info.backend_pid, signal.SIGKILL)
        time.sleep(delay)
        os.kill(postmaster(server), signal.SIGINT)
        with server.connected() as again:
            assert ask(again, "SELECT count(*) FROM recovered") == 0


def test_server_that_waits_for_its_sessions(server):
    """A server that was told to end once its sessions have is ended by who needs another."""
    began = time.monotonic()
    with server.connected() as url, psycopg.connect(url):
        first = postmaster(server)
        os.kill(first, signal.SIGTERM)
        assert eventually(lambda: server.status() == "stopping")
        with server.connected() as again:
            assert ask(again, "SELECT 1") == 1
            assert first != postmaster(server)
    assert time.monotonic() - began < 10


def test_server_whose_socket_was_removed(server):
    """A server that nobody can reach, as somebody cleared /tmp, is ended and started again."""
    with server.connected() as url:
        first = postmaster(server)
        shutil.rmtree(sockets(url))
        with server.connected() as again:
            assert ask(again, "SELECT 1") == 1
            assert first != postmaster(server)


@LINUX
def test_stopped_survivor_is_killed(server):
    """A process that outlives its killed server, and does nothing, does not keep others waiting."""
    with server.connected() as url:
        survivor = processes(url)[0]
        os.kill(survivor, signal.SIGSTOP)
        os.kill(postmaster(server), signal.SIGKILL)
        with server.connected() as again:
            assert ask(again, "SELECT 1") == 1
    assert eventually(lambda: not alive(survivor))


def test_long_waits_are_told(server, monkeypatch, caplog):
    """Who waits for a server that stops says so once, and gives up in the end."""
    monkeypatch.setattr(locks, "SILENCE", 0.05)
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    server.prepare()
    with (
        locked(server.data_dir / "clients", LOCK_EX),
        pytest.raises(ServerFailed, match="not stop"),
    ):
        server.start()
    (sentence,) = caplog.messages
    assert sentence.startswith("The embedded database is still stopping after 0 s")


def test_killed_while_it_starts(server, monkeypatch):
    """A server that is killed before it answers is started once more."""
    launch = module.launch

    def killed(*args, **locks):
        launch(*args, **locks)
        monkeypatch.setattr(module, "launch", launch)
        assert eventually(server.pid)
        os.kill(server.pid(), signal.SIGKILL)

    monkeypatch.setattr(module, "launch", killed)
    with server.connected() as url:
        assert ask(url, "SELECT 1") == 1


def test_half_made_cluster(make):
    """What a killed initdb left is thrown away."""
    server = make(cold=True)
    (server.data_dir / "cluster.new" / "base").mkdir(parents=True)
    (server.data_dir / "cluster.new" / "PG_VERSION").write_text("18\n")
    with server.connected() as url:
        assert 1 == ask(url, "SELECT 1")
    assert not (server.data_dir / "cluster.new").exists()


def test_killed_first_client(make):
    """When the client that makes the cluster is killed, the next one waits for its initdb and starts over."""
    server = make(cold=True)
    with client(server) as doomed:
        assert eventually((server.data_dir / "cluster.new" / "base").exists)
        doomed.send_signal(signal.SIGKILL)
        doomed.wait()
        assert server.running()  # that is, its folder is taken
    with server.connected() as url:
        assert 1 == ask(url, "SELECT 1")
    assert not (server.data_dir / "cluster.new").exists()


@pytest.mark.timeout(20)
def test_other_major_version(make):
    """A cluster of another Postgres is refused, with both versions named, and a failed start pins nothing."""
    server = make()
    (server.cluster / "PG_VERSION").write_text("15\n")
    with pytest.raises(ServerUnavailable, match=r"written by Postgres 15, this is 18\.\d"):
        server.start()
    assert not server.running()
    assert not server.pinned.exists()


@pytest.mark.parametrize("act", ["start", "stop", "running"])
def test_file_for_a_folder(tmp_path, act):
    """A data folder that is a file is refused with a sentence, unless there is nothing to do."""
    path = tmp_path / "file"
    path.touch()
    server = Server(path)
    if act == "start":
        with pytest.raises(ServerUnavailable, match="file cannot be used: "):
            server.start()
    else:
        assert getattr(server, act)() is False


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_of_another(tmp_path):
    """A folder that we may not write to is refused with a sentence."""
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(ServerUnavailable, match="Permission denied"):
        Server(tmp_path / "closed" / "data").start()


def test_broken_configuration(make):
    """A server that does not start says why, at once, and where its log is."""
    server = make()
    (server.cluster / "postgresql.conf").write_text("this = is = not one\n")
    began = time.monotonic()
    with pytest.raises(
        ServerFailed, match=r"FATAL: .*postgresql\.conf.* contains errors"
    ) as caught:
        server.start()
    assert time.monotonic() - began < 10
    assert str(server.log) == caught.value.data["log"]
    assert "syntax error" in server.log.read_text()


def test_damaged_cluster(make):
    """The reason is the server's own, not that it is then shut down."""
    server = make()
    for segment in (server.cluster / "pg_wal").iterdir():
        if segment.is_file():
            segment.unlink()
    with pytest.raises(ServerFailed, match=r"PANIC: .*checkpoint"):
        server.start()
    assert "database system is shut down" in server.log.read_text()


def test_failing_initdb(make, monkeypatch):
    """The reason why no cluster could be made is initdb's."""
    monkeypatch.setattr(clusters, "inherited_path", lambda *_: "/proc/no-such-dir/data")
    with pytest.raises(ServerFailed, match=r"initdb: error: .*no-such-dir"):
        make(cold=True).start()


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("no output", ""),
        ("second", "first\n second \n\n"),
        (
            "FATAL:  this",
            "LOG:  begins\nFATAL:  this\nHINT:  do that\nLOG:  database system is shut down\n",
        ),
        (
            "initdb: error: this",
            "initdb: error: this\ninitdb: removing contents of data directory\n",
        ),
    ],
)
def test_last_line(expected, text):
    """Of a log the last line that names an error counts, else the last one."""
    assert expected == last_line(text.encode())


@AS_ROOT
def test_server_runs_as_another_user(running):
    """Root's server runs as the unprivileged owner of its files."""
    uid, _ = binaries.unprivileged()
    assert uid == Path(f"/proc/{postmaster(running)}").stat().st_uid
    assert uid == running.cluster.stat().st_uid
