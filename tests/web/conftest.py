"""The page of the registry that a team has lived in, as browsers and programs ask for it."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from registry.database.connecting.reading_pool import Reader, reading_pool
from registry.web.app import application


@pytest.fixture(scope="module")
def reader(team_url: str) -> Iterator[Reader]:
    """The way to the team's registry, which tests only read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGISTRY_DATABASE_URL", team_url)
        with reading_pool(2) as pool:
            yield pool


@pytest.fixture(scope="module")
def client(reader: Reader) -> TestClient:
    """Who asks for pages of it."""
    return TestClient(application(reader), base_url="http://127.0.0.1")
