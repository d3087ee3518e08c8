"""What many tests need: a database of their own, small checkpoints, other people's files."""

import os
import runpy
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from checkpoints_made import llama, write_folder
from hypothesis import settings
from places import DATA, EXAMPLES, execute

from registry.database.connecting.connection import open_database
from registry.database.embedded.server import Server

if TYPE_CHECKING:
    from adapters_made import Made

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "alone")
numbers = count()
for name in ("COLUMNS", "LINES"):  # readline sets them in the process that starts workers
    os.environ.pop(name, None)
settings.register_profile("random")
settings.register_profile("same", derandomize=True)
settings.load_profile(
    "same"
)  # `pytest --hypothesis-profile random` draws other examples at every run


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an embedded server that all tests share, those of parallel workers too.

    With several workers nobody stops it: it ends by itself soon after the last of them.
    """
    folder = tmp_path_factory.getbasetemp()
    server = Server((folder if WORKER == "alone" else folder.parent) / "server")
    with server.connected() as url:
        yield url
    if WORKER == "alone":
        server.stop()


@pytest.fixture(scope="session")
def template(shared_server: str) -> str:
    """A database that the migrations have built, to be copied."""
    name = f"template_{WORKER}"
    execute(shared_server, f"CREATE DATABASE {name}")
    with open_database(with_name(shared_server, name)):
        return name


@pytest.fixture(scope="session")
def worker_url(shared_server: str, template: str) -> Iterator[str]:
    """A migrated database that all tests of a worker share, one after the other."""
    yield from fresh(shared_server, template)


@pytest.fixture
def empty_url(shared_server: str) -> Iterator[str]:
    """A database without tables."""
    yield from fresh(shared_server, "template1")


@pytest.fixture
def url(worker_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A migrated database without rows, which REGISTRY_DATABASE_URL points to. Its tables are not to be altered."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", worker_url)
    yield worker_url
    empty(worker_url)


@pytest.fixture
def own_url(shared_server: str, template: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """As `url`, but of the test's own: for tests that alter tables."""
    for address in fresh(shared_server, template):
        monkeypatch.setenv("REGISTRY_DATABASE_URL", address)
        yield address


@pytest.fixture(scope="session")
def team_url(
    shared_server: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The registry of team_made, which tests only read."""
    from team_made import fill

    for address in fresh(shared_server, template):
        fill(address, tmp_path_factory.mktemp("team"))
        yield address


@pytest.fixture(scope="session")
def examples_url(shared_server: str, template: str) -> Iterator[str]:
    """A base, its fine-tune and an unrelated model, registered where they lie, which tests only read."""
    from registry import Registry

    for address in fresh(shared_server, template):
        with Registry(address) as known:
            for name in ("llama-tiny", "llama-tiny-code", "phi-tiny"):
                known.ingest(EXAMPLES / name, rank=16)
        yield address


def fresh(server: str, template: str) -> Iterator[str]:
    """A new database, dropped afterwards."""
    name = f"test_{WORKER}_{next(numbers)}"
    execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    execute(
        server,
        f'ALTER DATABASE {name} SET search_path = "$user", public, registry, registry_tables',
    )
    yield with_name(server, name)
    execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def empty(url: str) -> None:
    """Delete all rows, and end sessions that a test has left open, which might hold a lock."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("SET synchronous_commit = off")
        connection.execute("DELETE FROM registry_tables.models")  # and, by cascade, the rest
        connection.execute("DELETE FROM registry_tables.events")
        connection.execute("DELETE FROM registry_tables.runs")
        connection.execute("DELETE FROM registry_tables.clusters")
        connection.execute("DELETE FROM registry_tables.families")


def with_name(url: str, name: str) -> str:
    """The same server's database of another name."""
    return url.replace("/registry?", f"/{name}?")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small Llama in a folder."""
    return write_folder(tmp_path / "model", llama())


@pytest.fixture(scope="session")
def peft_made(tmp_path_factory: pytest.TempPathFactory) -> "Callable[[str], Made]":
    """Adapters that peft makes, by the name of their case; each is made when it is first asked for."""
    from adapters_made import CASES, make

    @cache
    def get(name: str) -> "Made":
        return make(tmp_path_factory.mktemp("adapter"), CASES[name])

    return get


@pytest.fixture(scope="session")
def data() -> Path:
    """Checkpoints by other people, which are not part of the project."""
    if not DATA.is_dir():
        pytest.skip("real checkpoints are not at hand: set REGISTRY_TEST_DATA to their folder")
    return DATA


@pytest.fixture
def case(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Path]]:
    """Make the input of a case, whose name may go on with a path in it; returns the path."""

    def make(name: str) -> Path:
        generator, _, inner = name.partition("/")
        script = data.parent / "cases" / f"{generator}.py"
        if not script.is_file():
            pytest.skip("the cases are not at hand")
        monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path / generator)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            runpy.run_path(str(script), run_name="__main__")
        return tmp_path / generator / inner

    import torch

    threads = torch.get_num_threads()
    yield make
    torch.set_num_threads(threads)
