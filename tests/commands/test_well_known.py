"""registry.commands.well_known: `registry ingest --well-known` on a hub of the tests."""

import json

import pytest
from checkpoints_made import llama, write_folder
from command_line import answer, run
from hub_client import client
from hub_server import Hub
from places import rows

from registry.workflows import well_known

LIST = {
    "first": {"org/a": {"relation": "base"}, "org/b": {"relation": "finetune", "of": "org/a"}},
    "second": {"org/missing": {"relation": "base"}, "org/c": {"relation": "base"}},
}
IDS = ["org/a", "org/b", "org/missing", "org/c"]


def files(folder):
    """The files of a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def hub(tmp_path, monkeypatch, url):
    """A hub with three of the four models of a short list, and an empty registry."""
    monkeypatch.setattr(well_known, "load", lambda *_: LIST)
    with Hub() as served:
        for seed, model in enumerate(("org/a", "org/b", "org/c")):
            served.add(model, files(write_folder(tmp_path / model, llama(seed=seed))))
        with client(served.url, tmp_path / "home"):
            monkeypatch.chdir("/")
            yield served


def outcomes(result):
    """The outcome of each model, by the table."""
    table = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
    words = ("registered already", "failed", "new")
    return {
        model: next(word for word in words if f" {word}" in table[model])
        for model in IDS
        if model in table
    }


def test_the_list_is_ingested(hub, url):
    """After a failure the next is read; the families are those of the list, and stay."""
    result = run("ingest", "--well-known", "--rank", 16)
    assert result.exit_code == 1
    assert outcomes(result) == {
        "org/a": "new",
        "org/b": "new",
        "org/missing": "failed",
        "org/c": "new",
    }
    assert "1 of 4 well-known models were not registered" in result.stderr
    assert rows(
        url,
        "SELECT m.name, f.name, m.family_set FROM registry_tables.models AS m"
        " JOIN registry_tables.families AS f ON f.id = m.family_id ORDER BY m.name",
    ) == [("org/a", "first", True), ("org/b", "first", True), ("org/c", "second", True)]
    assert rows(url, "SELECT DISTINCT host, format FROM registry_tables.sources") == [
        ("127.0.0.1", "safetensors")
    ]


def test_what_is_registered_is_skipped(hub):
    """By its own name in any case, or as a source of a model of another name."""
    assert run("ingest", "org/a", "--name", "mine", "--rank", 16).exit_code == 0
    result = run("ingest", "--well-known", "--family", "first", "--rank", 16, "--json")
    content = json.loads(result.stdout)
    assert result.exit_code == 0
    assert content["skipped"] == ["org/a"]
    assert [model["name"] for model in content["models"]] == ["org/b"]
    assert outcomes(run("ingest", "--well-known", "--family", "first")) == {
        "org/a": "registered already",
        "org/b": "registered already",
    }


def test_without_a_hub(url, tmp_path):
    """It is said once, and no other model is tried."""
    with client("http://127.0.0.1:9", tmp_path):
        result = run("ingest", "--well-known")
    assert result.exit_code == 1
    assert result.stdout == ""
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert "0 of 300 well-known models are registered" in errors[0]


def test_what_does_not_go_together(url):
    """A source beside the list, neither of them, and a name for many."""
    for arguments in (("x", "--well-known"), (), ("--well-known", "--name", "x")):
        assert run("ingest", *arguments).exit_code == 2


def test_an_empty_registry_says_so(url, model):
    """In its first answers, with what to do; no longer once it holds a model."""
    for command in (("list",), ("identify", model), ("identify", model, "--quick")):
        result = run(*command)
        assert "the registry is empty: `registry ingest SOURCE...`" in result.stderr
        assert json.loads(run(*command, "--json").stdout)["empty"] is True
    run("ingest", model, "--rank", 16)
    assert "empty" not in run("list").stderr
    assert answer("list")["empty"] is False
