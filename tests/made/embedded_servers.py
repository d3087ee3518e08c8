"""Embedded servers that tests start, watch and end."""

import os
import signal
import stat
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg
import pytest
from places import ROOT

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, which only Linux has")
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
LINGER = 0.3  # seconds that a test's server stays up unused

CLIENT = """
import sys
from pathlib import Path
from registry.database.embedded.server import Server
server = Server(Path(sys.argv[1]), linger=float(sys.argv[2]))
with server.connected() as url:
    print(server.status_lines()[0], flush=True)
    sys.stdin.readline()
"""

OPENER = """
from sqlalchemy import text
from registry.database.connecting.connection import open_database
with open_database() as engine, engine.connect() as connection:
    print(connection.scalar(text("SELECT count(*) FROM models")))
"""


@contextmanager
def client(server):
    """Another process that uses the server until it reads a line."""
    command = [sys.executable, "-c", CLIENT, server.data_dir, str(server.linger)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def postmaster(server):
    """The process id of the running server."""
    return int(server.status_lines()[0])


def keeper(server):
    """The process of the running server's parent."""
    return psutil.Process(postmaster(server)).parent()


def ask(url, question):
    """The one value that a query returns."""
    with psycopg.connect(url) as connection:
        return connection.execute(question).fetchone()[0]


def processes(url):
    """The process ids of the server's children, without the one that answers."""
    question = "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    with psycopg.connect(url) as connection:
        return [pid for (pid,) in connection.execute(question)]


def sockets(url):
    """The folder of the server's socket."""
    return Path(parse_qs(urlsplit(url).query)["host"][0])


def eventually(condition, seconds=10.0):
    """Whether something becomes true in time."""
    deadline = time.monotonic() + seconds
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return held


def modes(path):
    """The permissions of all parents of a path."""
    return {parent: stat.S_IMODE(parent.stat().st_mode) for parent in path.parents}


def alive(pid):
    """Whether a process runs; one that has ended and is not buried yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end(server):
    """Stop a server that is not used again: at once, without writing its data."""
    while server.running():
        lines = server.status_lines()
        if lines:
            with suppress(ProcessLookupError):
                os.kill(int(lines[0]), signal.SIGQUIT)
        time.sleep(0.02)
