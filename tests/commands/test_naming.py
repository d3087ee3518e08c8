"""registry.commands.naming: a name that could mean two things is taken for one, and that is said."""

import json
import os

import pytest
from checkpoints_made import llama, write_folder
from click.testing import CliRunner

import cli

SAID = "note: 'both' is a file or folder here and a registered model; the file or folder was taken"


@pytest.fixture
def both(url, tmp_path, monkeypatch):
    """A folder and a registered model of one name, with different weights."""
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "registered", llama(0))
    write_folder(tmp_path / "both", llama(1))
    run("ingest", "registered", "--name", "both")


def run(*arguments):
    return CliRunner().invoke(cli.main, arguments)


@pytest.mark.parametrize(
    "command",
    [("compare", "both", "registered"), ("verify", "registered", "--claimed-base", "both")],
    ids=lambda command: command[0],
)
def test_which_was_taken_is_said(both, command):
    """One line on stderr, and a key in the JSON."""
    result = run(*command, "--json")
    assert result.stderr.startswith(SAID)
    assert result.stderr.count("\n") == 1
    assert f"note: {json.loads(result.stdout)['note']}\n" == result.stderr


def test_what_is_clear_is_not_said(both):
    """A path that no model bears, or a name that no folder bears, means one thing only."""
    result = run("compare", "./both", "./registered", "--json")
    assert result.stderr == ""
    assert "note" not in json.loads(result.stdout)


def test_names_that_no_model_can_bear(both, tmp_path):
    """A folder whose name is not UTF-8 is read; as the name of a registered model it is unknown."""
    folder = write_folder(tmp_path / os.fsdecode(b"bad\xff"), llama(1))
    assert run("compare", str(folder), "both").exit_code == 0
    result = run("show", folder.name)
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: No registered model is called 'bad\\udcff'; `registry list` shows them all.\n"
    )
