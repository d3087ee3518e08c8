"""Embedded servers, each with a data folder of its own or with one cluster that many tests use."""

import shutil
import subprocess

import pytest
from embedded_servers import LINGER, end

from registry.database.embedded.server import Server


@pytest.fixture(scope="session")
def used(tmp_path_factory):
    """A server that has run once, so that it has a cluster: initdb takes a second."""
    server = Server(tmp_path_factory.mktemp("used") / "data", linger=LINGER)
    with server.connected():
        pass
    server.stop()
    yield server
    end(server)
    shutil.rmtree(server.data_dir)


@pytest.fixture
def server(used):
    """A server that does not run yet, with a cluster that each test leaves whole."""
    yield used
    used.stop()


@pytest.fixture(scope="session")
def running(used, tmp_path_factory):
    """A server that runs, for tests that leave it so."""
    server = Server(tmp_path_factory.mktemp("running") / "data", linger=LINGER)
    server.prepare()
    copy_cluster(used, server)
    with server.connected():
        yield server
    end(server)
    shutil.rmtree(server.data_dir)


@pytest.fixture
def make(tmp_path, used):
    """A function that makes servers, with a cluster of their own or without one; all are ended after it."""
    servers = []

    def maker(name="data", *, cold=False):
        server = Server(tmp_path / name, linger=LINGER)
        servers.append(server)
        if not cold:
            server.prepare()
            copy_cluster(used, server)
        return server

    yield maker
    for server in servers:
        if server.data_dir.is_dir():
            end(server)
            shutil.rmtree(server.data_dir)


def copy_cluster(used, server):
    """Give a server the cluster of one that has been used and does not run."""
    used.stop()
    command = ["cp", "-a", used.cluster, server.cluster]  # copytree loses the owner
    subprocess.run(command, check=True)
