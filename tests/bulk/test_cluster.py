"""registry.bulk.cluster: which cluster is used, before anything connects to it."""

import platform
import socket
from types import SimpleNamespace

import pytest

from registry.bulk import cluster
from registry.errors import DatabaseNotShared, RayMissing, RayUnreachable


def test_ray_is_an_extra(monkeypatch):
    """Without it one sentence names the extra."""
    monkeypatch.setattr(cluster, "find_spec", lambda _: None)
    with pytest.raises(RayMissing, match=r"pip install 'weight-registry\[ray\]'"):
        cluster.check(None, embedded=True)


@pytest.mark.parametrize(
    "address",
    ["203.0.113.7:6379", "ray://203.0.113.7:10001", "[2001:db8::7]:6379", "nowhere.invalid:1"],
)
def test_an_embedded_database_is_for_this_machine(monkeypatch, address):
    """It is refused for a cluster elsewhere, given or of the environment, before a connection."""
    with pytest.raises(DatabaseNotShared, match="set REGISTRY_DATABASE_URL"):
        cluster.check(address, embedded=True)
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(DatabaseNotShared, match="set REGISTRY_DATABASE_URL"):
        cluster.check(None, embedded=True)
    cluster.check(address, embedded=False)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.1.1", "[::1]"])
def test_this_machine_has_many_names(monkeypatch, host):
    """And a cluster on it may use the embedded database."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    for address in (None, "auto", "local", f"{host}:6379", f"{platform.node()}:6379"):
        cluster.check(address, embedded=True)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("nothing", "it is no host and port"),
        ("127.0.0.1:port", "it is no host and port"),
        ("127.0.0.1:99999", "."),
        ("nowhere.invalid:6379", "."),
    ],
)
def test_an_address_of_nothing_is_told_at_once(address, reason):
    """Ray itself would try for minutes."""
    with pytest.raises(RayUnreachable, match=rf"at '{address}' \({reason}"):
        cluster.check_listens(address)


def test_a_port_that_is_shut_is_told_at_once():
    """With the system's own words."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(RayUnreachable, match="Connection refused"):
            cluster.check_listens(address)


def test_a_connection_of_the_program_is_left_alone(monkeypatch):
    """A program that uses Ray itself keeps its cluster."""
    ended = []
    ray = SimpleNamespace(is_initialized=lambda: True, shutdown=lambda: ended.append(1))
    monkeypatch.setattr(cluster, "imported", lambda: ray)
    monkeypatch.setattr(cluster, "prepare", lambda _: None)
    with pytest.raises(RayUnreachable, match="this process is connected already"):
        cluster.Cluster("127.0.0.1:6379", 1)
    assert not ended
