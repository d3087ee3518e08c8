"""A catalogue of three models, and a registry that has none of them."""

import pytest
from catalogues_made import register
from places import execute

import registry
from registry.workflows import catalogues


@pytest.fixture(scope="session")
def content(worker_url, tmp_path_factory):
    """The bytes of a file with the models a, b and c."""
    register(worker_url, "a", "b", family="first")
    register(worker_url, "c", family="second")
    path = tmp_path_factory.mktemp("catalogue") / "catalogue.parquet"
    with registry.Registry(worker_url) as known:
        known.export_catalogue(path)
    execute(worker_url, "DELETE FROM registry_tables.models")
    execute(worker_url, "DELETE FROM registry_tables.families")
    return path.read_bytes()


@pytest.fixture
def catalogue(content, tmp_path):
    """The file, for a test to change."""
    path = tmp_path / "catalogue.parquet"
    path.write_bytes(content)
    return path


@pytest.fixture
def other(content, url, monkeypatch):
    """A registry without any model, which judges none that are imported."""
    monkeypatch.setattr(catalogues, "judged", lambda _, imported: imported)
    with registry.Registry(url) as opened:
        yield opened
