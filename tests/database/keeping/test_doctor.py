"""registry.database.keeping.doctor: what is wrong with the tables, and what is mended."""

import psycopg
import pytest
from places import execute, rows

import registry
from registry.database.keeping import doctor
from registry.database.keeping.ailments import Ailment, Finding
from registry.database.stored.origin import Origin
from registry.database.stored.spool import Journey, Waiting, keep


def examined(*, mend=True):
    """What is wrong, without details."""
    return [(f.ailment, f.subject, f.mended) for f in doctor.examine(mend=mend)]


def test_nothing_is_wrong(url, model):
    """A database with a model is well."""
    with registry.Registry(url) as known:
        known.ingest(model)
    assert examined() == []


def test_missing_tables_and_columns(own_url):
    """What the schema has and the database lacks is named."""
    execute(own_url, "DROP TABLE registry_tables.verdicts CASCADE")
    execute(own_url, "ALTER TABLE registry_tables.fingerprints DROP COLUMN nonfinite CASCADE")
    assert examined() == [
        (Ailment.TABLES_DIFFER, "fingerprints.nonfinite", False),
        (Ailment.TABLES_DIFFER, "verdicts", False),
    ]


def test_invalid_index(own_url):
    """An index whose build was interrupted is built again."""
    execute(
        own_url,
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'models_family_id_idx'::regclass",
    )
    expected = (Ailment.INDEX_INVALID, "models_family_id_idx")
    assert examined(mend=False) == [(*expected, False)]
    assert examined() == [(*expected, True)]
    assert examined() == []


def test_half_a_model_and_an_empty_family(own_url, model):
    """A model without its rows is told and kept; a family without models goes."""
    with registry.Registry(own_url) as known:
        known.ingest(model, name="half")
    execute(own_url, "DELETE FROM registry_tables.matrices")
    execute(own_url, "INSERT INTO registry_tables.families (name) VALUES ('empty')")
    half, empty = (Ailment.MODEL_HALF, "half"), (Ailment.FAMILY_EMPTY, "empty")
    assert examined(mend=False) == [(*half, False), (*empty, False)]
    assert examined() == [(*half, False), (*empty, True)]
    assert rows(own_url, "SELECT name FROM families WHERE name = 'empty'") == []


def test_old_fingerprints(own_url, model):
    """Fingerprints of another version are counted."""
    with registry.Registry(own_url) as known:
        known.ingest(model)
    execute(own_url, "UPDATE registry_tables.models SET fingerprint_version = 1")
    assert doctor.examine(mend=True) == [Finding(Ailment.VERSION_OLD, "1", detail="1")]


def test_session_that_keeps_a_transaction(own_url, monkeypatch):
    """One that has done nothing for long is named with its process."""
    query = doctor.IDLE.text.replace("1 minute", "0 seconds")
    monkeypatch.setattr(doctor, "IDLE", doctor.text(query))
    with psycopg.connect(own_url, application_name="somebody") as session:
        session.execute("SELECT 1")
        expected = f"somebody, process {session.info.backend_pid}"
        assert examined() == [(Ailment.SESSION_IDLE, expected, False)]


def test_database_that_cannot_be_used(monkeypatch):
    """The reason is the sentence of the error."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", "postgresql://127.0.0.1:1/x")
    (finding,) = doctor.examine(mend=True)
    assert finding.ailment is Ailment.UNUSABLE
    assert "127.0.0.1:1" in finding.detail


@pytest.mark.slow
def test_embedded_database(tmp_path, monkeypatch):
    """Without a data folder nothing is wrong, and none is made; with one the tables are looked at."""
    monkeypatch.delenv("REGISTRY_DATABASE_URL", raising=False)
    monkeypatch.setenv("REGISTRY_DATA_DIR", str(tmp_path / "data"))
    assert examined(mend=False) == []
    assert not (tmp_path / "data").exists()


def test_fingerprints_that_wait(url, model, tmp_path, monkeypatch):
    """Each file of the spool is named, a damaged one as such."""
    monkeypatch.setenv("REGISTRY_DATA_DIR", str(tmp_path))
    origin = Origin("source", None, None, "name", None, "1")
    kept = keep(Waiting(Journey.INGEST, origin, registry.fingerprint(model, rank=16)))
    damaged = kept.with_name(f"{'0' * 32}.spooled")
    damaged.write_bytes(kept.read_bytes()[:-1])
    assert examined() == [
        (Ailment.WAITING, str(kept), False),
        (Ailment.WAITING_BROKEN, str(damaged), False),
    ]
