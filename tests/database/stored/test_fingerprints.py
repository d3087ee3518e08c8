"""registry.database.stored.fingerprints: what goes into the database comes out equal."""

import pytest
import records_made
import torch
from checkpoints_made import llama, write_folder, write_shards
from places import counts, rows
from sqlalchemy.orm import Session

import registry
from registry.database.connecting.connection import open_database
from registry.database.stored import fingerprints
from registry.database.stored.origin import Origin
from registry.errors import NameTaken, NonFiniteWeights


@pytest.fixture
def known(url):
    """An open registry on a database of its own."""
    with registry.Registry(url) as opened:
        yield opened


def test_what_is_stored_reads_back_equal(known, model):
    """A fingerprint out of the database equals the computed one, every float of it."""
    done = known.ingest(model)
    summary, fingerprint = known.show("model")
    assert done.new
    assert summary == done.model
    assert fingerprint == done.fingerprint == registry.fingerprint(model)


def stored_and_read(url, *stored):
    """Store fingerprints one after the other, and return the last as it is read."""
    origin = Origin("folder", revision=None, base=None, name="m", family=None, tool_version="0")
    with open_database(url) as engine, Session(engine) as session:
        for fingerprint in stored:
            fingerprints.save(session, origin, fingerprint)
        session.flush()
        session.expire_all()
        return fingerprints.load(session, "m").fingerprint


def test_every_part_reads_back_equal(url, model):
    """Tensors outside the projections in their order, own axes, zero matrices and whether the head is tied."""
    whole = records_made.whole(registry.fingerprint(model))
    assert stored_and_read(url, whole) == whole


def test_a_deeper_fingerprint_replaces_every_part(url, model):
    """Those of the deeper one take the place of the old, which may have had none of them."""
    shallow = registry.fingerprint(model, rank=16)
    deep = records_made.whole(registry.fingerprint(model))
    assert stored_and_read(url, shallow, deep) == deep


def test_ingesting_twice_changes_nothing(known, model, url, tmp_path):
    """The same weights, from shards and under another name too, are recognised."""
    known.ingest(model)
    before = rows(url, "SELECT * FROM models"), counts(url)
    again = known.ingest(write_shards(tmp_path / "other", llama()), name="other", family="another")
    assert (again.new, again.model.name) == (False, "model")
    assert (rows(url, "SELECT * FROM models"), counts(url)) == before


def test_a_larger_rank_takes_the_place(known, model, url):
    """The same weights with more singular values: spectra and clusterings are the new ones, nothing else is changed."""
    before = known.ingest(model, rank=16)
    models = rows(url, "SELECT * FROM models")
    deeper = known.ingest(model, rank=256)
    assert (before.rank_before, before.new, before.deeper) == (None, True, False)
    assert (deeper.rank_before, deeper.new, deeper.deeper) == (16, False, True)
    assert known.show("model")[1] == deeper.fingerprint == registry.fingerprint(model, rank=256)
    assert (rows(url, "SELECT * FROM models"), rows(url, "SELECT rank FROM fingerprints")) == (
        models,
        [(256,)],
    )
    again = known.ingest(model)
    assert (again.rank_before, again.new, again.deeper) == (256, False, False)
    assert known.show("model")[1] == deeper.fingerprint


def test_a_name_is_given_once(known, model, url, tmp_path):
    """Other weights of the same name are refused until they get their own."""
    known.ingest(model)
    other = write_folder(tmp_path / "b" / "model", llama(seed=1))
    before = counts(url)
    with pytest.raises(NameTaken, match="registered as 'model'"):
        known.ingest(other)
    assert counts(url) == before
    assert known.ingest(other, name="model b").new


def test_a_failure_stores_nothing(known, url, tmp_path):
    """Neither refused weights nor a lost connection leave a row behind."""
    tensors = llama()
    tensors["model.layers.0.mlp.up_proj.weight"][0, 0] = torch.nan
    with pytest.raises(NonFiniteWeights, match="up_proj"):
        known.ingest(write_folder(tmp_path / "nan", tensors))
    assert counts(url) == [0] * 5
    assert known.ingest(tmp_path / "nan", allow_nonfinite=True).fingerprint.nonfinite == 1
