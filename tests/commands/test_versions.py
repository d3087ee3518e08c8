"""registry.commands.versions and `registry upgrade`: nothing is left out in silence."""

import json
import shutil

import pytest
from checkpoints_made import llama, write_folder
from command_line import answer, run
from places import EXAMPLES
from versions_made import OLD, age

from registry.fingerprints.record import VERSION

NOTE = f"note: 1 model has a fingerprint of version {OLD} and is not compared with others"


@pytest.fixture
def aged(url, model):
    """The folder of a model that is registered with an old fingerprint."""
    run("ingest", model)
    age(url)
    return model


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["identify", EXAMPLES / "llama-tiny"],
        ["identify", EXAMPLES / "llama-tiny", "--quick"],
        ["verify", EXAMPLES / "llama-tiny-code", "--claimed-base", EXAMPLES / "llama-tiny"],
        ["ingest", EXAMPLES / "llama-tiny"],
    ],
    ids=["list", "identify", "quick", "verify", "ingest"],
)
def test_it_is_said_what_is_not_compared(aged, arguments):
    """On stderr, and in JSON as a key, which is empty once all fingerprints are new."""
    assert NOTE in run(*arguments).stderr
    assert answer(*arguments)["not_compared"] == {str(OLD): 1}
    run("upgrade")
    assert "not compared" not in run(*arguments).stderr
    assert answer(*arguments)["not_compared"] == {}


def test_the_list_marks_old_models(aged):
    """They are not missing from it."""
    assert f"version {OLD}" in run("list").stdout


def test_upgrading(aged):
    """A line for every model; exit code 0 as none is left old."""
    result = run("upgrade")
    expected = f"model: refreshed, fingerprint of version {OLD} replaced by version {VERSION}\n"
    assert (result.exit_code, result.stdout, result.stderr) == (0, expected, "")
    result = run("upgrade")
    expected = f"all fingerprints are of version {VERSION}\n"
    assert (result.exit_code, result.stdout) == (0, expected)
    result = run("upgrade", "nobody")
    assert result.exit_code == 1
    assert "No registered model is called 'nobody'" in result.stderr


def test_an_upgrade_that_leaves_old_models(aged):
    """Exit code 1 with the reason, also of those asked for alone."""
    write_folder(aged.parent / "other", llama(seed=1))
    run("ingest", aged.parent / "other")
    shutil.rmtree(aged)
    result = run("upgrade")
    assert result.exit_code == 1
    assert f"source gone, fingerprint of version {OLD} kept: '{aged}'" in result.stdout
    assert NOTE in result.stderr
    assert run("upgrade", "other").exit_code == 0


def test_a_dry_run(aged):
    """Nothing is refreshed; exit code 1, for there is something to do."""
    result = run("upgrade", "--dry-run", "--json")
    assert result.exit_code == 1
    content = json.loads(result.stdout)
    [entry] = content["models"]
    assert (content["dry_run"], content["not_compared"]) == (True, {str(OLD): 1})
    assert (entry["name"], entry["outcome"], entry["error"]) == ("model", "source found", None)
    assert (entry["fingerprint_version"], entry["version_before"]) == (OLD, OLD)
