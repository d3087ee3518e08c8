"""What many tests need: a database of their own, small checkpoints, other people's files."""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from checkpoints_made import llama, write_folder
from hypothesis import settings
from places import DATA, execute

from registry.database.connection import open_database
from registry.database.embedded.server import Server

if TYPE_CHECKING:
    from adapters_made import Made

numbers = count()
settings.register_profile("random")
settings.register_profile("same", derandomize=True)
settings.load_profile(
    "same"
)  # `pytest --hypothesis-profile random` draws other examples at every run


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an embedded server that all tests share."""
    server = Server(tmp_path_factory.mktemp("server"))
    with server.connected() as url:
        yield url
    server.stop()


@pytest.fixture(scope="session")
def template(shared_server: str) -> str:
    """A database that the migrations have built."""
    execute(shared_server, "CREATE DATABASE template_registry")
    with open_database(with_name(shared_server, "template_registry")):
        return "template_registry"


@pytest.fixture
def empty_url(shared_server: str) -> Iterator[str]:
    """A database without tables."""
    yield from fresh(shared_server, "template1")


@pytest.fixture
def url(shared_server: str, template: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A migrated database of the test's own, which REGISTRY_DATABASE_URL points to."""
    for address in fresh(shared_server, template):
        monkeypatch.setenv("REGISTRY_DATABASE_URL", address)
        yield address


def fresh(server: str, template: str) -> Iterator[str]:
    """A new database, dropped afterwards."""
    name = f"test_{next(numbers)}"
    execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield with_name(server, name)
    execute(server, f"DROP DATABASE {name} WITH (FORCE)")


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
