"""registry.database.keeping.admin: the configured database is looked at, upgraded and addressed."""

import pytest
from places import rows

import registry
from registry.database.keeping import admin
from registry.database.tables.schema import REVISION
from registry.errors import DatabaseUnreachable, NoEmbeddedServer


def test_the_status_of_a_database(url, model):
    """Its versions, its schema and how many models it holds, under an address without password."""
    with registry.Registry(url) as known:
        known.ingest(model)
    status = admin.status()
    assert (status.kind, status.running, status.data_dir) == ("external", True, None)
    assert (status.schema, status.models) == (REVISION, 1)
    assert status.postgres == rows(url, "SHOW server_version")[0][0]
    assert status.pgvector


def test_the_status_of_an_empty_database(empty_url, monkeypatch):
    """Looking builds no tables: there is no schema, and no count of models."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", empty_url)
    status = admin.status()
    assert (status.running, status.schema, status.models) == (True, None, None)


def test_an_upgrade_builds_the_tables(empty_url, monkeypatch):
    """It answers the revision that the database then stands at."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", empty_url)
    assert admin.upgrade_schema() == REVISION
    assert admin.status().schema == REVISION


def test_the_address_is_for_psql(monkeypatch):
    """Without the driver of ours, and with the password."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", "postgres://me:secret@host/x")
    assert admin.url() == "postgresql://me:secret@host/x"


def test_a_stopped_embedded_server_stays_stopped(tmp_path, monkeypatch):
    """Its status says where it would live."""
    monkeypatch.delenv("REGISTRY_DATABASE_URL", raising=False)
    monkeypatch.setenv("REGISTRY_DATA_DIR", str(tmp_path / "data"))
    status = admin.status()
    assert (status.kind, status.running, status.url) == ("embedded", False, None)
    assert status.data_dir == str(tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("act", [admin.start, admin.stop], ids=["start", "stop"])
def test_another_database_is_not_ours_to_start(act, monkeypatch):
    """With one configured there is no embedded server to start or stop."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", "postgresql://127.0.0.1:1/x")
    with pytest.raises(NoEmbeddedServer, match=act.__name__):
        act()


def test_the_status_of_a_database_that_is_down(monkeypatch):
    """It is an error, not a status."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", "postgresql://127.0.0.1:1/x")
    with pytest.raises(DatabaseUnreachable, match="127.0.0.1"):
        admin.status()
