"""registry.bulk.hub_lists, and the options that ask for it."""

import json
from pathlib import Path

import pytest
from checkpoints_made import llama, write_folder
from command_line import run
from hub_client import client
from hub_server import Hub

from registry.bulk.hub_lists import models_of_author
from registry.bulk.wanted import Wanted


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub with two models of acme, one of them a model card alone."""
    folder = write_folder(tmp_path / "model", llama(hidden=32))
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    with Hub() as made, client(made.url, tmp_path):
        made.add("acme/model", files)
        made.add("acme/card", {"README.md": b"soon"})
        monkeypatch.setenv("HF_ENDPOINT", made.url)  # for processes that are started
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        yield made


def test_a_folder_that_is_called_as_a_model_is_not_it(hub, tmp_path, monkeypatch):
    """What the hub lists is read from the hub."""
    monkeypatch.chdir(tmp_path)
    Path("acme", "card").mkdir(parents=True)
    assert models_of_author("acme") == [Wanted("acme/card@main", "acme/card"), Wanted("acme/model")]


@pytest.mark.slow
def test_an_author_and_a_collection_are_one_run(url, hub):
    """What stands in both is read once; what holds no weights fails, with its reason."""
    hub.collections["acme/all-1"] = [{"type": "model", "id": "acme/model"}]
    lists = ("--hub-author", "acme", "--hub-collection", "acme/all-1")
    result = run("ingest", *lists, "--workers", 1, "--rank", 16, "--json")
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert [model["name"] for model in answer["models"]] == ["acme/model"]
    assert [error["source"] for error in answer["errors"]] == ["acme/card"]
    assert answer["run"]["sources"] == 2


def test_a_list_that_is_not_there_ends_the_command(hub):
    """By one sentence, before anything is read."""
    result = run("ingest", "--hub-author", "nobody")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: The hub shows no models of 'nobody'; check the name")
