"""registry.database.stored.versions: models whose fingerprints are of another version are counted and found, not compared."""

import pytest
from checkpoints_made import llama, write_folder
from places import execute, rows
from sqlalchemy.orm import Session
from versions_made import NEW, OLD, age

import registry
from registry.database.connecting.connection import open_database
from registry.database.searching import near_sketches
from registry.database.stored import versions
from registry.database.stored.fingerprints import Outcome
from registry.errors import FingerprintNewer, FingerprintOutdated, NameTaken
from registry.fingerprints.record import VERSION


@pytest.fixture
def known(url):
    """An open registry on a database of its own."""
    with registry.Registry(url) as opened:
        yield opened


@pytest.fixture
def child(tmp_path):
    """A model that the small Llama was scaled into."""
    changed = {name: tensor * 1.1 for name, tensor in llama().items()}
    return write_folder(tmp_path / "child", changed)


def test_versions_are_counted(known, model, child, url):
    """By version, those of this one left out."""
    assert known.not_compared() == {}
    for name, version in (("a", OLD), ("b", OLD), ("c", NEW), ("d", VERSION)):
        known.ingest(write_folder(model.parent / name, llama(seed=ord(name))))
        age(url, version, where=f"name = '{name}'")
    assert known.not_compared() == {OLD: 2, NEW: 1}
    assert [model.name for model in known.outdated()] == ["a", "b"]


def test_ranks_are_those_that_were_stored(known, model, url):
    """An upgrade keeps them."""
    known.ingest(model, rank=256)
    age(url)
    with open_database(url) as engine, Session(engine) as session:
        [old] = versions.old_models(session)
    assert (old.rank, old.nonfinite, old.model.name) == (256, 0, "model")


def test_old_models_are_not_compared_and_stay_readable(known, model, child, url):
    """They are listed, shown and explained; a search passes them by."""
    known.ingest(model)
    assert known.identify(child).verdict.model == "model"
    age(url)
    identification = known.identify(child)
    assert (identification.verdict.model, identification.matches) == (None, ())
    assert [model.name for model in known.models()] == ["model"]
    assert known.show("model").fingerprint.version == OLD
    assert known.explain("model").model.compared is False
    assert known.remove("model").name == "model"


@pytest.mark.parametrize(
    ("version", "error", "remedy"),
    [
        (OLD, FingerprintOutdated, "run `registry upgrade`"),
        (NEW, FingerprintNewer, "upgrade this package"),
    ],
    ids=["older", "newer"],
)
def test_a_comparison_says_why_it_is_none(known, model, url, version, error, remedy):
    """Numbers of two versions are never put side by side, on neither side of a comparison."""
    known.ingest(model)
    age(url, version)
    for pair in ((model, "model"), ("model", model)):
        with pytest.raises(
            error, match=f"'model' has a fingerprint of version {version}.*{remedy}"
        ):
            known.compare(*pair)


def test_old_models_do_not_crowd_out_new_ones(known, model, child, url, tmp_path):
    """A shortlist of one holds the nearest that can be compared, though an old one is nearer."""
    known.ingest(child)
    age(url)
    known.ingest(write_folder(tmp_path / "other", llama(seed=1)))
    fingerprint = registry.fingerprint(model)
    with open_database(url) as engine, Session(engine) as session:
        near = near_sketches.by_outline(session, fingerprint, 1)
    assert [likeness.model for likeness in near] == ["other"]


def test_ingesting_refreshes_an_old_model(known, model, url, tmp_path):
    """One row stays, with the old name and family, the new fingerprint and the place that was read now."""
    before = known.ingest(model, name="m", family="f").model
    age(url)
    elsewhere = write_folder(tmp_path / "elsewhere", llama())
    done = known.ingest(elsewhere, name="another", family="another")
    assert (done.outcome, done.new, done.deeper) == (Outcome.REFRESHED, False, False)
    [summary] = known.models()
    assert summary == done.model
    assert (summary.name, summary.family) == ("m", "f")
    assert (summary.source, summary.fingerprint_version) == (str(elsewhere), VERSION)
    assert summary.ingested_at == before.ingested_at
    assert known.show("m").fingerprint == registry.fingerprint(model)
    assert known.ingest(model).outcome is Outcome.UNCHANGED


@pytest.mark.parametrize(("old", "new", "kept"), [(256, 64, 256), (16, 64, 64)])
def test_refreshing_loses_no_singular_values(known, model, url, old, new, kept):
    """The larger of both ranks is stored."""
    known.ingest(model, rank=old)
    age(url)
    assert known.ingest(model, rank=new).fingerprint.rank == kept
    assert known.show("model").fingerprint == registry.fingerprint(model, rank=kept)
    assert rows(url, "SELECT DISTINCT rank FROM clusterings ORDER BY rank")[-1] == (kept,)


def test_a_newer_fingerprint_is_not_replaced(known, model, url):
    """An older package says so instead of storing a second one beside it."""
    known.ingest(model)
    age(url, NEW)
    with pytest.raises(FingerprintNewer, match="which a newer registry stored"):
        known.ingest(model)
    assert [model.fingerprint_version for model in known.models()] == [NEW]


def test_a_name_of_an_old_model_is_taken(known, model, url, tmp_path):
    """Other weights do not get it, or an upgrade could not keep it."""
    known.ingest(model)
    age(url)
    other = write_folder(tmp_path / "other" / "model", llama(seed=1))
    with pytest.raises(NameTaken, match="registered as 'model'"):
        known.ingest(other)


def test_an_old_adapter_is_not_compared(known, url, tmp_path):
    """Nor is an old model taken for the one that an adapter's weights are registered as."""
    import torch
    from adapters_made import write_adapter

    factors = {f"layers.0.self_attn.q_proj.lora_{x}.weight": torch.eye(4) for x in "AB"}
    folder = write_adapter(tmp_path / "adapter", factors)
    known.ingest(folder)
    assert known.identify(folder).verdict.model == "adapter"
    age(url)
    assert known.identify(folder).verdict.model is None
    with pytest.raises(FingerprintOutdated, match="'adapter' has a fingerprint of version"):
        known.adapters(["adapter"])


def test_the_newer_of_two_rows_is_the_model(known, model, url):
    """Where weights were stored once for each version, names and digests mean the newest."""
    known.ingest(model)
    columns = rows(
        url,
        "SELECT string_agg(column_name, ', ') FROM information_schema.columns"
        " WHERE table_name = 'models' AND table_schema = 'registry_tables' AND column_name NOT IN ('id', 'fingerprint_version')",
    )[0][0]
    execute(
        url,
        f"INSERT INTO registry_tables.models ({columns}, fingerprint_version) SELECT {columns}, {OLD} FROM registry_tables.models",
    )
    assert known.show("model").summary.fingerprint_version == VERSION
    assert known.ingest(model).outcome is Outcome.UNCHANGED
