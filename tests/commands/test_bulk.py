"""registry.commands.bulk: runs over many sources, and what became of those of earlier ones."""

import json
import shutil

import pytest
from checkpoints_made import llama, write_folder
from click.testing import CliRunner
from command_line import answer, run
from crew_made import InlineCrew

import cli
from registry.bulk import start

RANK = ("--rank", "16")


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    """No worker is started."""
    monkeypatch.setattr(start, "LocalCrew", InlineCrew)


@pytest.fixture
def tree(tmp_path):
    """Two models, and a folder of broken weights."""
    for number in range(2):
        write_folder(tmp_path / "tree" / f"m{number}", llama(seed=number, hidden=32))
    broken = write_folder(tmp_path / "tree" / "broken", llama())
    (broken / "model.safetensors").write_bytes(b"\x10" + bytes(20))
    return tmp_path / "tree"


def ingest(*arguments):
    """Run `registry ingest` at the lowest rank."""
    return run("ingest", *RANK, *arguments)


def said(*arguments):
    """The JSON of `registry ingest`, and its exit code."""
    result = ingest(*arguments, "--json")
    return json.loads(result.stdout), result.exit_code


def test_a_tree_is_told_in_lines_and_a_table(url, tree):
    """Failures stand once more at the end, and in `registry jobs`; the exit code is 1."""
    result = ingest("--tree", tree)
    assert result.exit_code == 1
    [first] = answer("jobs")["runs"]
    assert f"run {first['id']}: 3 sources, 3 to be read" in result.stderr
    assert "registered m0 in family" in result.stdout
    end = result.stderr[result.stderr.rindex("failed: ") :]
    assert str(tree / "broken") in end

    again = ingest("--tree", tree)
    assert again.exit_code == 1
    assert "2 were done before; 1 failed before and are not tried" in again.stderr
    assert "failed before: " in again.stderr

    jobs = run("jobs")
    assert jobs.exit_code == 0
    assert "ended" in jobs.stdout
    failed = run("jobs", first["id"], "--failed")
    assert "broken" in failed.stdout
    assert "m0" not in failed.stdout


def test_a_tree_is_told_as_json(url, tree):
    """With what was stored, what failed and why, what was skipped, and counts."""
    content, code = said("--tree", tree, "--order", "largest", "--timing")
    assert code == 1
    assert sorted(model["name"] for model in content["models"]) == ["m0", "m1"]
    [error] = content["errors"]
    assert error["source"] == str(tree / "broken")
    counts = content["run"]
    assert (counts["sources"], counts["new"], counts["failed"]) == (3, 2, 1)
    assert content["timing"]

    content, code = said("--tree", tree)
    assert code == 1
    assert sorted(skipped["model"] for skipped in content["skipped"]) == ["m0", "m1"]
    assert [before["source"] for before in content["failed_before"]] == [str(tree / "broken")]
    assert content["models"] == content["errors"] == []

    [second, first] = answer("jobs")["runs"]
    assert (first["done"], first["failed"], second["skipped"]) == (2, 1, 2)
    [job] = answer("jobs", first["id"], "--failed")["jobs"]
    assert (job["state"], job["error"], job["lasting"]) == ("failed", "BrokenFile", True)
    assert len(answer("jobs", first["id"])["jobs"]) == 3


def test_what_failed_is_tried_again(url, tree):
    """By --retry-failed alone, which then finds nothing more to try."""
    ingest("--tree", tree)
    write_folder(tree / "broken", llama(seed=7, hidden=32))
    content, code = said("--retry-failed")
    assert code == 0
    assert [model["name"] for model in content["models"]] == ["broken"]
    nothing = ingest("--retry-failed")
    assert nothing.exit_code == 1
    assert "No source failed when it was tried last" in nothing.stderr


def test_a_list_comes_from_a_pipe(url, tree, tmp_path):
    """With names of a template, and a log; a name of the list's goes first."""
    lines = [str(tree / "m0"), json.dumps({"source": str(tree / "m1"), "name": "own"})]
    log = tmp_path / "log"
    arguments = ["ingest", *RANK, "--from", "-", "--name", "{parent}/{leaf}", "--log", str(log)]
    result = CliRunner().invoke(cli.main, arguments, input="\n".join(lines))
    assert result.exit_code == 0
    assert sorted(model["name"] for model in answer("list")["models"]) == ["own", "tree/m0"]
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert events[0] == "planned"
    assert events.count("done") == 2


def test_a_source_that_vanishes_is_a_failure(url, tree, monkeypatch):
    """Between the plan and the reading of it; the others are done."""

    class Vanishing(InlineCrew):
        def begin(self, task):
            if task.source.endswith("m0"):
                shutil.rmtree(task.place)
            super().begin(task)

    monkeypatch.setattr(start, "LocalCrew", Vanishing)
    shutil.rmtree(tree / "broken")
    content, code = said("--tree", tree)
    assert code == 1
    assert [model["name"] for model in content["models"]] == ["m1"]
    [error] = content["errors"]
    assert error["source"] == str(tree / "m0")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--workers", "2"], 2, "Give a SOURCE, a list of sources, or --retry-failed."),
        (["--tree", "."], 1, "No folder below '.' holds weights"),
        (["--tree", "missing"], 1, "'missing' is no folder; --tree takes a folder"),
        (["--from", "missing"], 1, "'missing' cannot be read"),
        (["--from", "empty"], 1, "names no source"),
        (["--tree", ".", "--order", "best"], 2, "'best' is not one of"),
        (["--tree", ".", "--workers", "0"], 2, "0 is not in the range"),
    ],
)
def test_what_is_typed_wrongly_is_said(url, tmp_path, monkeypatch, arguments, code, sentence):
    """In one sentence, before a run begins."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").touch()
    result = ingest(*arguments)
    assert result.exit_code == code
    assert sentence in result.stderr
    assert answer("jobs")["runs"] == []


def test_a_run_that_there_is_not_is_said(url):
    """And where to look for those that there are."""
    result = run("jobs", "7000")
    assert result.exit_code == 1
    assert "There is no run 7000; `registry jobs` lists those that there are" in result.stderr


def test_many_failures_end_in_a_pointer(url, tmp_path):
    """Twenty of them are listed at the end of a run, and where the rest are."""
    for number in range(24):
        folder = tmp_path / f"m{number}"
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"\x10" + bytes(20))
    result = ingest("--tree", tmp_path)
    assert result.exit_code == 1
    lines = [line for line in result.stderr.splitlines() if line.startswith("failed: ")]
    assert len(lines) == 20
    assert "and 4 more that failed; `registry jobs " in result.stderr
    assert len(answer("jobs", answer("jobs")["runs"][0]["id"], "--failed")["jobs"]) == 24
