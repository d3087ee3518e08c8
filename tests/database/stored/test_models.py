"""registry.database.stored.models: registered models are found, listed by family and removed."""

from dataclasses import replace

import psycopg
import pytest
from checkpoints_made import llama, write_folder
from places import counts

import registry
from registry.errors import (
    ModelAmbiguous,
    ModelNotFound,
)
from registry.fingerprints.record import VERSION


@pytest.fixture
def known(url):
    """An open registry on a database of its own."""
    with registry.Registry(url) as opened:
        yield opened


@pytest.mark.slow
def test_names_and_digests_find_a_model(known, model, url, tmp_path):
    """The start of a digest will do; what fits two models is refused."""
    digest = known.ingest(model).model.digest
    assert known.show(digest[:8])[0].name == known.show(digest)[0].name == "model"
    with pytest.raises(ModelNotFound, match="registry list"):
        known.show(digest[:7])
    with pytest.raises(ModelNotFound, match="%%%%%%%%"):
        known.show("%%%%%%%%")
    known.ingest(write_folder(tmp_path / "b", llama(seed=1)), name=digest[:10])
    assert known.show(digest[:10])[0].name == digest[:10]
    with psycopg.connect(url) as own:  # digests do not collide at will
        own.execute("UPDATE registry_tables.models SET digest = 'aaaaaaaa' || substr(digest, 9)")
    with pytest.raises(ModelAmbiguous, match="could be any of"):
        known.show("aaaaaaaa")


@pytest.mark.parametrize(
    ("given", "base", "registered", "expected"),
    [
        ("f", "base", True, "f"),
        (None, "base", True, "bases"),
        (None, "base", False, "base"),
        (None, None, True, "child"),
    ],
    ids=["asked for", "of the registered base", "the unknown base itself", "its own name"],
)
def test_families(known, tmp_path, given, base, registered, expected):
    """--family, else the declared base's family, else the base's name, else the model's own."""
    if registered:
        known.ingest(write_folder(tmp_path / "base", llama()), family="bases")
    child = write_folder(tmp_path / "child", llama(seed=1), {"_name_or_path": base} if base else {})
    assert known.ingest(child, family=given).model.family == expected


def test_removing(known, model, url, tmp_path):
    """A model goes with all its rows; its family stays while others are in it."""
    known.ingest(model, family="f")
    known.ingest(write_folder(tmp_path / "b", llama(seed=1)), family="f")
    assert known.remove("model").name == "model"
    assert [family.models for family in known.families()] == [("b",)]
    known.remove("b")
    assert counts(url) == [0] * 5
    with pytest.raises(ModelNotFound, match="'b'"):
        known.remove("b")


def test_summaries_hold_what_was_asked(known, model):
    """Source, tool version and time are recorded."""
    summary = known.ingest(str(model)).model
    assert summary.source == str(model)
    assert summary.fingerprint_version == VERSION
    assert replace(summary, ingested_at=None) == replace(known.models()[0], ingested_at=None)
