"""registry.workflows.upgrade: models of an older fingerprint version are read again, or it is said why not."""

import shutil

import pytest
import torch
from adapters_made import write_adapter
from checkpoints_made import llama, write_folder
from hub_client import client
from hub_server import Hub
from places import EXAMPLES, execute, rows
from versions_made import NEW, OLD, age

import registry
from registry.errors import FingerprintNewer, ModelNotFound
from registry.fingerprints.record import VERSION
from registry.workflows import upgrade
from registry.workflows.upgrade import UpgradeOutcome, at_commit


@pytest.fixture
def known(url):
    """An open registry on a database of its own."""
    with registry.Registry(url) as opened:
        yield opened


def outcomes(upgraded):
    return {one.model.name: one.outcome for one in upgraded}


def test_a_model_is_refreshed(known, model, url):
    """All of the new fingerprint is there, at the old rank; what was curated stays."""
    known.ingest(model, rank=16, name="m", family="f")
    before = known.models()
    age(url)
    [upgraded] = known.upgrade()
    assert (upgraded.outcome, upgraded.error) == (UpgradeOutcome.REFRESHED, None)
    assert (upgraded.version_before, upgraded.model.fingerprint_version) == (OLD, VERSION)
    assert known.models() == before == [upgraded.model]
    assert known.show("m").fingerprint == registry.fingerprint(model, rank=16)
    assert known.upgrade() == []
    assert known.not_compared() == {}


def test_what_was_read_again_is_judged_again(known, url, model, tmp_path):
    """What was said at ingestion is said anew, among the models of this version."""
    known.ingest(model)
    changed = {name: tensor * 1.1 for name, tensor in llama().items()}
    known.ingest(write_folder(tmp_path / "child", changed))
    before = known.explain("child")
    age(url)
    assert set(outcomes(known.upgrade()).values()) == {UpgradeOutcome.REFRESHED}
    after = known.explain("child")
    assert after.verdict == before.verdict
    assert after.judged_at > before.judged_at
    assert after.verdict.model == "model"


def test_a_source_that_is_gone(known, model, url):
    """The old fingerprint is kept and can be read; the error names the folder."""
    known.ingest(model)
    age(url)
    shutil.rmtree(model)
    [upgraded] = known.upgrade()
    assert upgraded.outcome is UpgradeOutcome.SOURCE_GONE
    assert f"'{model}', from which 'model' was ingested" in str(upgraded.error)
    assert known.show("model").summary.fingerprint_version == OLD
    assert known.not_compared() == {OLD: 1}


def test_an_emptied_folder_is_gone_too(known, model, url):
    """A folder without weights holds nothing to read again."""
    known.ingest(model)
    age(url)
    for file in model.iterdir():
        file.unlink()
    assert outcomes(known.upgrade()) == {"model": UpgradeOutcome.SOURCE_GONE}


def test_other_weights(known, model, url):
    """A source that was trained on is not put in the place of what it was."""
    known.ingest(model)
    age(url)
    before = known.show("model").fingerprint
    write_folder(model, llama(seed=1))
    [upgraded] = known.upgrade()
    assert upgraded.outcome is UpgradeOutcome.OTHER_WEIGHTS
    assert "holds other weights now than those registered as 'model'" in str(upgraded.error)
    assert known.show("model").fingerprint == before


def test_a_source_that_cannot_be_read(known, model, url):
    """A damaged file is a failure of that model alone."""
    known.ingest(model)
    known.ingest(EXAMPLES / "llama-tiny")
    age(url)
    (model / "model.safetensors").write_bytes(b"nothing")
    upgraded = known.upgrade()
    assert outcomes(upgraded) == {
        "llama-tiny": UpgradeOutcome.REFRESHED,
        "model": UpgradeOutcome.FAILED,
    }
    assert "is damaged" in str(upgraded[1].error)


def test_a_dry_run_reads_and_writes_nothing(known, model, url, monkeypatch):
    """It says which sources are there."""
    known.ingest(model)
    age(url)
    before = rows(url, "SELECT xmin::text, m::text FROM registry_tables.models m")
    monkeypatch.setattr(upgrade, "read", None)
    assert outcomes(known.upgrade(dry_run=True)) == {"model": UpgradeOutcome.SOURCE_FOUND}
    shutil.rmtree(model)
    assert outcomes(known.upgrade(dry_run=True)) == {"model": UpgradeOutcome.SOURCE_GONE}
    assert rows(url, "SELECT xmin::text, m::text FROM registry_tables.models m") == before


def test_an_interrupted_upgrade_resumes(known, model, url, monkeypatch):
    """Models before the interruption stay refreshed, and the next upgrade reads the others alone."""
    known.ingest(EXAMPLES / "llama-tiny", name="a")
    known.ingest(model, name="b")
    age(url)
    read = upgrade.read

    def interrupted(source, **options):
        if source == str(model):
            raise KeyboardInterrupt
        return read(source, **options)

    monkeypatch.setattr(upgrade, "read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        known.upgrade()
    monkeypatch.setattr(upgrade, "read", read)
    assert [summary.name for summary in known.outdated()] == ["b"]
    assert outcomes(known.upgrade()) == {"b": UpgradeOutcome.REFRESHED}


def test_only_those_named(known, model, url):
    """By name or by the start of the digest; what is new already needs nothing."""
    known.ingest(EXAMPLES / "llama-tiny")
    digest = known.ingest(model).model.digest
    age(url)
    assert outcomes(known.upgrade([digest[:10]])) == {"model": UpgradeOutcome.REFRESHED}
    assert known.upgrade(["model"]) == []
    assert [summary.name for summary in known.outdated()] == ["llama-tiny"]
    with pytest.raises(ModelNotFound, match="'nobody'"):
        known.upgrade(["nobody"])


def test_a_newer_fingerprint_is_left_alone(known, model, url):
    """What a newer registry stored is not old; to ask for it by name is an error."""
    known.ingest(model)
    age(url, NEW)
    assert known.upgrade() == []
    assert known.not_compared() == {NEW: 1}
    with pytest.raises(FingerprintNewer, match=f"version {NEW}.* upgrade this package"):
        known.upgrade(["model"])


def test_removed_while_it_was_read(known, model, url, monkeypatch):
    """That is said of this model; nothing comes back."""
    known.ingest(model)
    age(url)
    read = upgrade.read

    def removing(source, **options):
        known.remove("model")
        return read(source, **options)

    monkeypatch.setattr(upgrade, "read", removing)
    [upgraded] = known.upgrade()
    assert upgraded.outcome is UpgradeOutcome.FAILED
    assert "No registered model is called 'model'" in str(upgraded.error)
    assert known.models() == []


def test_nonfinite_weights_that_were_allowed(known, url, tmp_path):
    """A model that was ingested with --allow-nonfinite is read so again."""
    tensors = llama()
    tensors["model.layers.0.mlp.up_proj.weight"][0, 0] = torch.nan
    known.ingest(write_folder(tmp_path / "nan", tensors), allow_nonfinite=True)
    age(url)
    assert outcomes(known.upgrade()) == {"nan": UpgradeOutcome.REFRESHED}


def test_adapters_are_refreshed(known, url, tmp_path):
    """What only an adapter has is replaced as well."""
    factors = {f"layers.0.self_attn.q_proj.lora_{x}.weight": torch.eye(4) for x in "AB"}
    folder = write_adapter(tmp_path / "adapter", factors)
    known.ingest(folder)
    age(url)
    execute(url, "UPDATE registry_tables.adapters SET rank = 99")
    assert outcomes(known.upgrade()) == {"adapter": UpgradeOutcome.REFRESHED}
    assert known.show("adapter").fingerprint == registry.fingerprint(folder)


def test_a_merged_adapter_is_merged_again(known, url, model, tmp_path):
    """Into the base that it was merged into when it was ingested."""
    size = llama()["model.layers.0.self_attn.q_proj.weight"].shape
    factors = {
        "model.layers.0.self_attn.q_proj.lora_A.weight": torch.ones(2, size[1]),
        "model.layers.0.self_attn.q_proj.lora_B.weight": torch.ones(size[0], 2),
    }
    folder = write_adapter(tmp_path / "adapter", factors)
    known.ingest(folder, base=model)
    age(url)
    assert outcomes(known.upgrade()) == {"adapter": UpgradeOutcome.REFRESHED}
    assert known.show("adapter").fingerprint.kind == "model"


def test_a_hub_model_is_read_at_its_commit(known, url, model, tmp_path):
    """Whatever its branch points to now; and a model that went from the hub is gone."""
    files = {file.name: file.read_bytes() for file in model.iterdir()}
    with Hub() as hub, client(hub.url, tmp_path / "home"):
        hub.add("org/m", files)
        commit = known.ingest("org/m").model.revision
        known.ingest(EXAMPLES / "llama-tiny", name="never")
        execute(
            url,
            "UPDATE registry_tables.models SET source = 'org/never', revision = 'x' WHERE name = 'never'",
        )
        age(url)
        upgraded = known.upgrade()
    assert outcomes(upgraded) == {
        "never": UpgradeOutcome.SOURCE_GONE,
        "org/m": UpgradeOutcome.REFRESHED,
    }
    assert (upgraded[1].model.source, upgraded[1].model.revision) == ("org/m", commit)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("org/m", "org/m@abc"),
        ("org/m@main", "org/m@abc"),
        ("org/m@v1:a/b.gguf", "org/m@abc:a/b.gguf"),
        ("m:b.gguf", "m@abc:b.gguf"),
        ("./not a hub id/at all", "./not a hub id/at all"),
    ],
)
def test_hub_ids_at_a_commit(source, expected):
    """The branch that was named gives way; the file stays."""
    assert at_commit(source, "abc") == expected


def test_a_name_that_a_folder_had_is_not_looked_for_on_the_hub(known, model, url, monkeypatch):
    """A relative path such as models/m may be the hub id of a stranger's model."""
    monkeypatch.chdir(model.parent)
    known.ingest("model")
    age(url)
    shutil.rmtree(model)
    monkeypatch.setattr(upgrade, "open_merged", None)
    assert outcomes(known.upgrade(dry_run=True)) == {"model": UpgradeOutcome.SOURCE_GONE}
