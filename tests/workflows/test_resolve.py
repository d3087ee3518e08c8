"""registry.workflows.resolve: what a user names is taken for one thing, and says which."""

import json

import models_made as made
import pytest
import torch
from adapters_made import write_adapter
from checkpoints_made import llama, write_folder
from click.testing import CliRunner
from sqlalchemy.orm import Session

import cli
import registry
from registry.errors import (
    BrokenFingerprintFile,
    FingerprintVersionDiffers,
    ModelAmbiguous,
    RegistryError,
)
from registry.workflows.resolve import Taken, fingerprint_of, resolve

ROOT = made.grown()


def run(*arguments):
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def saved(folder, tensors):
    return write_folder(folder, {name: t.to(torch.bfloat16) for name, t in tensors.items()})


@pytest.fixture
def known(url):
    """An open registry on a database of its own."""
    with registry.Registry(url) as opened:
        yield opened


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder with a model in it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    write_folder(tmp_path / "model", llama())
    return tmp_path


def test_a_path_is_weights(known, model):
    """An existing folder is weights to be read, called by its last part."""
    resolved = known.resolve(model)
    assert (resolved.taken, resolved.name) == (Taken.WEIGHTS, "model")
    assert (resolved.source, resolved.fingerprint) == (str(model), None)


def test_the_home_folder(home):
    """~ is expanded, with a label before it too."""
    for text in ("~/model", "a=~/model"):
        resolved = resolve(None, text, labelled=True)
        assert resolved.name == "model"
        assert fingerprint_of(resolved, {}) == registry.fingerprint(home / "model", rank=16)


def test_a_registered_name(known, model):
    """What is no path is looked up by its name, or by the start of its digest."""
    ingested = known.ingest(model, name="llama")
    for text in ("llama", ingested.model.digest[:8]):
        resolved = known.resolve(text)
        assert (resolved.taken, resolved.name) == (Taken.REGISTERED, "llama")
        assert (resolved.given, resolved.source) == (text, str(model))
        assert resolved.fingerprint == ingested.fingerprint


def test_a_digest_of_several(known, model, tmp_path):
    """What two registered models could be is refused."""
    import sqlalchemy

    known.ingest(model)
    known.ingest(write_folder(tmp_path / "b", llama(seed=1)))
    with Session(known._engine) as session, session.begin():  # digests do not collide at will
        session.execute(
            sqlalchemy.text(
                "UPDATE registry_tables.models SET digest = 'aaaaaaaa' || substr(digest, 9)"
            )
        )
    with pytest.raises(ModelAmbiguous, match="could be any of b, model"):
        known.resolve("aaaaaaaa")


def test_only_the_summary_may_be_loaded(known, model):
    """Where its weights are is known without any matrix of a model."""
    known.ingest(model)
    with Session(known._engine) as session, session.begin():
        resolved = resolve(session, "model", load=False)
    assert (resolved.source, resolved.fingerprint) == (str(model), None)


def test_a_label(known, model):
    """LABEL=SOURCE is taken apart where labels are asked for, unless a file or model bears the whole name."""
    known.ingest(model, name="x=y")
    assert known.resolve(f"data={model}", labelled=True).label == "data"
    assert known.resolve("data=x=y", labelled=True).fingerprint is not None
    assert known.resolve("x=y", labelled=True).label is None
    assert known.resolve(f"data={model}").label is None


def test_a_fingerprint(known, model):
    """A record is called by the first digits of its digest."""
    fingerprint = registry.fingerprint(model)
    resolved = known.resolve(fingerprint)
    assert (resolved.taken, resolved.name) == (Taken.FINGERPRINT, fingerprint.digest[:12])
    assert resolved.fingerprint is fingerprint
    assert known.resolve(resolved) is resolved


def test_anything_else_is_the_hubs(known):
    """What is nowhere is left to the reader of hub models, without a lookup."""
    resolved = known.resolve("org/model")
    assert (resolved.taken, resolved.source) == (Taken.WEIGHTS, "org/model")


@pytest.mark.parametrize(
    "text", ["", " ", "x" * 5000, "~nobody-of-this-name"], ids=["empty", "blank", "long", "~"]
)
def test_texts_that_are_no_path(known, text):
    """Whatever is typed is taken for something; that it is nowhere is for the reader to find out."""
    assert known.resolve(text).taken is Taken.WEIGHTS


@pytest.mark.parametrize(
    ("text", "reason"), [(" ", "neither a file or folder"), ("x" * 5000, "File name too long")]
)
def test_texts_that_are_nowhere(known, text, reason):
    """What cannot be read is a sentence."""
    with pytest.raises(RegistryError, match=reason):
        known.fingerprint(text)


def test_a_folder_and_a_model_of_one_name(known, url, tmp_path, monkeypatch):
    """The folder is taken, whoever asks, and it is said that the registered model was not."""
    known.ingest(saved(tmp_path / "a", ROOT), name="both")
    saved(tmp_path / "both", made.grown(1))
    child = saved(tmp_path / "child", made.tuned(made.grown(1)))
    monkeypatch.chdir(tmp_path)
    resolved = known.resolve("both")
    assert (resolved.taken, resolved.shadows) == (Taken.WEIGHTS, True)
    assert not known.resolve("./both").shadows
    assert not known.resolve("child").shadows
    assert known.compare(child, "both").verdict == "derived"


@pytest.fixture
def files(tmp_path):
    """Fingerprints of a parent, its child and an unrelated model in files, the weights gone."""
    made_of = {"parent": ROOT, "child": made.tuned(ROOT), "other": made.grown(1)}
    folders = {name: saved(tmp_path / name, tensors) for name, tensors in made_of.items()}
    for name, folder in folders.items():
        result = run("fingerprint", folder, "--rank", "16", "-o", tmp_path / f"{name}.json")
        assert result.exit_code == 0
    return tmp_path


def test_a_file_stands_for_the_weights(url, known, files):
    """compare, verify and identify of files give what the weights give, to the last digit."""
    expected = registry.compare(files / "child", files / "parent")
    found = registry.compare(files / "child.json", files / "parent.json")
    assert found.model == str(files / "parent.json")
    assert (found.verdict, found.score, found.p_value) == (
        expected.verdict,
        expected.score,
        expected.p_value,
    )
    assert [line.value for line in found.evidence] == [line.value for line in expected.evidence]

    known.ingest(files / "parent")
    assert known.identify(files / "child.json").verdict == known.identify(files / "child").verdict
    assert known.resolve(files / "child.json").taken is Taken.FILE
    assert known.resolve(files / "child.json").name == "child"


def test_commands_take_files(url, files):
    """The commands compare, verify and identify take a file where they take weights, with their exit codes."""
    assert run("ingest", files / "parent").exit_code == 0
    answer = json.loads(run("compare", files / "child.json", "parent", "--json").stdout)
    assert (answer["verdict"], answer["model"]) == ("derived", "parent")
    assert (
        run("verify", files / "child.json", "--claimed-base", files / "parent.json").exit_code == 0
    )
    assert (
        run("verify", files / "other.json", "--claimed-base", files / "parent.json").exit_code == 3
    )
    for name in ("parent", "child", "other"):
        by_file, by_weights = (
            json.loads(run("identify", files / source, "--json").stdout)
            for source in (f"{name}.json", name)
        )
        assert (by_file.pop("source"), by_weights.pop("source")) == (
            str(files / f"{name}.json"),
            str(files / name),
        )
        assert by_file == by_weights


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "it is not JSON"), ("[" * 100_000, "it is not JSON"), ("{}", "no key 'record'")],
    ids=["empty", "deep", "other JSON"],
)
def test_a_bad_file(tmp_path, text, reason):
    """A file that is no fingerprint is one sentence."""
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(BrokenFingerprintFile, match=reason):
        registry.compare(tmp_path / "bad.json", tmp_path / "bad.json")
    result = run("compare", tmp_path / "bad.json", tmp_path / "bad.json")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)


def test_a_file_of_another_version(files):
    """A fingerprint of another version says so."""
    path = files / "child.json"
    content = json.loads(path.read_text())
    content["record"]["fingerprint"]["version"] = 99
    path.write_text(json.dumps(content))
    with pytest.raises(FingerprintVersionDiffers, match="version 99"):
        registry.compare(path, files / "parent.json")


def test_an_index_is_no_fingerprint(tmp_path):
    """The index of a checkpoint's shards ends in .json and is none."""
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    resolved = resolve(None, tmp_path / "model.safetensors.index.json")
    assert resolved.taken is Taken.WEIGHTS


def test_an_adapters_file(known, tmp_path):
    """An adapter's fingerprint from a file stands beside those that are read."""
    factors = {f"layers.0.self_attn.q_proj.lora_{x}.weight": torch.eye(4) for x in "AB"}
    folder = write_adapter(tmp_path / "adapter", factors)
    run("fingerprint", folder, "--rank", "16", "-o", tmp_path / "adapter.json")
    [one, other] = known.adapters([f"a={tmp_path / 'adapter.json'}", f"b={folder}"])
    assert one.delta == other.delta
    assert (one.data, one.name, other.data) == ("a", "adapter", "b")


def test_a_file_of_the_hub_has_no_label():
    """An = in the name of a file on the hub belongs to the name; before a path it ends a label."""
    text = "org/model:epoch=1-step=10.ckpt"
    resolved = resolve(None, text, labelled=True)
    assert (resolved.source, resolved.label) == (text, None)
    assert resolve(None, "code=org/model:epoch=1.ckpt", labelled=True).label == "code"
