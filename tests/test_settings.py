"""registry.settings: what the environment says."""

from pathlib import Path

import pytest

from registry.errors import NoSuchHome
from registry.settings import data_dir, database_url


def test_the_database(monkeypatch):
    """An address is taken as it is; an empty one means the embedded database."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", "postgresql://here/x")
    assert database_url() == "postgresql://here/x"
    monkeypatch.setenv("REGISTRY_DATABASE_URL", "")
    assert database_url() is None


def test_the_data_folder(monkeypatch):
    """What is chosen is made absolute, home included; else it is the platform's folder."""
    monkeypatch.setenv("REGISTRY_DATA_DIR", "~/models")
    assert data_dir() == Path.home() / "models"
    monkeypatch.setenv("REGISTRY_DATA_DIR", "models")
    assert data_dir() == Path.cwd() / "models"
    monkeypatch.setenv("REGISTRY_DATA_DIR", "~nobody-here/x")
    with pytest.raises(NoSuchHome, match="'~nobody-here/x', but the system knows no user"):
        data_dir()
    monkeypatch.delenv("REGISTRY_DATA_DIR")
    assert data_dir().name == "registry"
