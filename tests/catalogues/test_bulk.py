"""registry.catalogues.bulk: many models at once come to the same rows as few."""

import pytest
from catalogues_made import rewritten
from places import execute, rows

from registry.catalogues import bulk
from registry.database.connecting.connection import open_database
from registry.errors import BrokenCatalogue

DERIVED = """
    SELECT m.name, f.search_group, o.search_group, (SELECT count(*) FROM registry_tables.clusterings)
    FROM registry_tables.models AS m JOIN registry_tables.fingerprints AS f ON f.model_id = m.id
    JOIN registry_tables.outlines AS o ON o.model_id = m.id ORDER BY 1
"""
COUNTS = """
    SELECT t.kind, t.fingerprint_version, t.models, t.families, f.models FROM registry_tables.model_counts AS t
    JOIN registry_tables.family_counts AS f USING (kind, fingerprint_version) WHERE f.models > 0 ORDER BY 5
"""


def test_what_triggers_derive(catalogue, other, url, monkeypatch):
    """Groups of the search and counts are the same whether triggers rest or not."""
    other.import_catalogue(catalogue)
    before = rows(url, DERIVED), rows(url, COUNTS)
    assert None not in before[0][0]
    execute(url, "DELETE FROM registry_tables.models")
    monkeypatch.setattr(bulk, "FROM", 1)
    other.import_catalogue(catalogue)
    assert (rows(url, DERIVED), rows(url, COUNTS)) == before


def test_who_may_not_set_triggers_aside(url):
    """Triggers work then, and the transaction goes on."""
    from sqlalchemy import text
    from sqlalchemy.orm import Session

    execute(url, "DO $$ BEGIN CREATE ROLE plain; EXCEPTION WHEN duplicate_object THEN END $$")
    with open_database(url) as engine, Session(engine) as session:
        session.execute(text("SET LOCAL ROLE plain"))
        assert not bulk.Triggers(session, bulk.FROM).resting
        assert session.execute(text("SELECT 1")).scalar_one() == 1


def test_a_writer_imports(catalogue, own_url):
    """Who has no more rights than `registry db roles` gives a writer, of which temporary tables are one."""
    from sqlalchemy import text
    from sqlalchemy.orm import Session

    from registry.catalogues.importing import store_catalogue
    from registry.catalogues.opened import opened
    from registry.database.keeping.roles import make_roles

    with open_database(own_url) as engine, opened(catalogue, "a file") as file:
        make_roles(engine)
        with Session(engine) as session:
            session.execute(text("SET ROLE registry_writer"))
            assert store_catalogue(session, file).numbers["new"] == 3
            session.commit()


def test_the_same_model_twice(catalogue, other, url):
    """A file that no registry wrote is refused with a sentence, whatever the constraint says."""

    def same(row):
        row["digest"] = "0" * 64

    with pytest.raises(BrokenCatalogue, match="the database refuses it"):
        other.import_catalogue(rewritten(catalogue, same))
    assert rows(url, "SELECT count(*) FROM registry_tables.models") == [(0,)]
