"""The command line: what it prints, where, and with which exit code."""

import json
import os
import signal
import subprocess
import sys
import time

import click
import psycopg
import pytest
from checkpoints_made import llama, write_folder
from click.testing import CliRunner, Result

import cli
from registry.architectures.roles import PROJECTIONS
from registry.commands.options import UNKNOWN
from registry.database.embedded.server import Server
from registry.fingerprints.device import cores


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def answer(*arguments: object) -> dict:
    result = run(*arguments, "--json")
    assert result.exit_code in (0, UNKNOWN), result.output
    return json.loads(result.stdout)


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(command, click.Group):
        return [
            leaf
            for name, child in command.commands.items()
            for leaf in leaves(child, (*path, name))
        ]
    return [path]


DRAWN = {("plot",), ("report",)}  # what they give is a file of its own kind


@pytest.mark.parametrize("path", leaves(cli.main), ids=" ".join)
def test_every_command_has_help(path):
    """-h explains, and options name their environment twins."""
    result = run(*path, "-h")
    assert result.exit_code == 0
    assert f"Usage: main {' '.join(path)}" in result.output
    assert ("--json" in result.output) == (path not in DRAWN)
    assert "REGISTRY_" in result.output


@pytest.mark.parametrize("path", [p for p in leaves(cli.main) if len(p) == 1], ids=" ".join)
def test_help_has_an_example(path):
    """Every top-level command shows how it is used."""
    assert f"Example: registry {path[0]}" in run(*path, "-h").output


def test_the_journey(url, model, tmp_path):
    """Ingest, list, show, families, identify and remove, as tables."""
    assert (
        "registered model in family fam: llama, " in run("ingest", model, "--family", "fam").output
    )
    assert "model is registered already with these weights" in run("ingest", model).output
    assert "fam" in run("list").output
    assert "std/max" in run("show", "model").output
    assert "fam" in run("families").output
    copy = write_folder(tmp_path / "copy", {name: tensor * 1.1 for name, tensor in llama().items()})
    result = run("identify", copy)
    assert result.exit_code == 0
    assert "derived from model" in result.output
    assert "removed model (family fam)" in run("remove", "model").output
    result = run("identify", copy)
    assert result.exit_code == UNKNOWN
    assert "unknown" in result.output


def test_json_of_a_fingerprint(url, model):
    """Fingerprint and show give the documented keys with equal values, and floats read back equal."""
    run("ingest", model)
    computed, stored = answer("fingerprint", model), answer("show", "model")
    keys = (
        "digest",
        "fingerprint_version",
        "projections",
        "std",
        "std_vector",
        "clustering",
        "labels",
        "layers",
        "hidden_size",
    )
    assert {key: stored[key] for key in keys} == {key: computed[key] for key in keys}
    assert list(computed["std"]) == list(computed["projections"]) == list(PROJECTIONS)
    assert {rank: len(vector) for rank, vector in computed["clustering"].items()} == {
        "16": 7,
        "64": 7,
    }
    assert {len(labels) for labels in computed["labels"]["16"].values()} == {2}
    from registry import fingerprint

    assert tuple(computed["std"].values()) == fingerprint(model).std
    assert tuple(computed["std_vector"]) == fingerprint(model).std_vector


def test_json_of_an_identification(url, model, tmp_path):
    """Identify gives verdict, model, family and matches with both distances."""
    run("ingest", model, "--family", "fam")
    found = answer("identify", model)
    assert (found["verdict"], found["model"], found["family"]) == ("same weights", "model", "fam")
    [match] = found["matches"]
    assert {"model", "family", "std_distance", "clustering_distance"} <= set(match)
    assert match["std_distance"] == 0


def test_every_json_answer_has_a_schema_version(url, model):
    """One number tells readers which docs/json.md they need."""
    calls = [
        ("ingest", model),
        ("identify", model),
        ("fingerprint", model),
        ("show", "model"),
        ("list",),
        ("families",),
    ]
    calls += [("db", "status"), ("db", "upgrade"), ("db", "url"), ("remove", "model")]
    assert {answer(*call)["schema_version"] for call in calls} == {2}


def test_ranks(url, model):
    """A larger rank is stored in the place of a smaller one, and said; a smaller one changes nothing."""
    assert "registered model in family model" in run("ingest", model, "--rank", "16").output
    told = "model is registered already with these weights; 256 singular values are stored now instead of 16\n"
    assert run("ingest", model, "--rank", "256").stdout == told
    assert "nothing was changed" in run("ingest", model).output
    again = answer("ingest", model)["models"][0]
    assert (again["new"], again["deeper"]) == (False, False)
    shown = answer("show", "model")
    assert (shown["rank"], list(shown["clustering"]), shown["undetermined"]["256"]) == (
        256,
        ["16", "64", "256"],
        [],
    )
    assert list(answer("fingerprint", model, "--rank", "16")["labels"]) == ["16"]
    assert run("fingerprint", model, "--rank", "32").exit_code == 2


def test_timing(url, model):
    """On stderr, or in the JSON."""
    for command in ("ingest", "identify", "fingerprint"):
        result = run(command, model, "--timing")
        assert "spectrum" in result.stderr
        assert "wall" in result.stderr
        assert "wall" not in result.stdout
        told = answer(command, model, "--timing")
        assert run(command, model, "--timing", "--json").stderr == ""
        spent = told["models"][0]["timing"] if command == "ingest" else told["timing"]
        assert 0 < spent["spectrum"] <= spent["wall"] * cores() + 1e-3
        assert "timing" not in answer(command, model)


@pytest.mark.parametrize("command", ["ingest", "identify", "fingerprint"])
def test_a_device_that_is_not_there(url, model, command):
    """One sentence and exit code 1."""
    result = run(command, model, "--device", "cuda:99")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: The device 'cuda:99' cannot be used (")


def test_threads_and_device(url, model, monkeypatch):
    """They leave the answer as it is, and have their twins."""
    expected = answer("fingerprint", model)
    assert answer("fingerprint", model, "--threads", "3", "--device", "cpu") == expected
    monkeypatch.setenv("REGISTRY_FINGERPRINT_THREADS", "0")
    assert run("fingerprint", model).exit_code == 2


def test_what_was_not_recorded(url, model):
    """A model from before bounds were stored says so."""
    run("ingest", model)
    with psycopg.connect(url) as own:
        own.execute("UPDATE matrices SET bounds = NULL")
        own.execute("UPDATE clusterings SET undetermined = NULL")
    shown = answer("show", "model")
    assert (shown["spectrum_error"], shown["undetermined"]) == (None, {"16": None, "64": None})
    assert "how exact the singular values are was not recorded" in run(
        "show", "model"
    ).output.replace("\n", " ")


def test_labels_in_doubt_are_named(url, model):
    """In the table, in the JSON and in SQL."""
    run("ingest", model)
    with psycopg.connect(url) as own:
        own.execute("UPDATE clusterings SET undetermined = '{1,9}' WHERE rank = 16")
        own.commit()
        view = own.execute("SELECT undetermined FROM model_fingerprints").fetchall()
    assert view == [(2,)]
    told = "labels at rank 16 that are not certain within the errors of the singular values: layer 0 key, layer 1 value"
    assert told in " ".join(run("show", "model").output.split())
    assert answer("show", "model")["undetermined"]["16"] == [
        {"layer": 0, "projection": "key", "expert": None},
        {"layer": 1, "projection": "value", "expert": None},
    ]


def test_fingerprint_to_a_file(model, tmp_path):
    """-o writes the JSON, whole or not at all."""
    assert run("fingerprint", model, "-o", tmp_path / "out.json").exit_code == 0
    written = json.loads((tmp_path / "out.json").read_text())
    assert written.pop("record")["format"] == 1
    assert written == answer("fingerprint", model)
    result = run("fingerprint", model, "-o", tmp_path / "no" / "out.json")
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


def test_one_bad_source_among_good_ones(url, model, tmp_path):
    """The others are stored, the bad one is named on stderr, the exit code is 1."""
    other = write_folder(tmp_path / "other", llama(seed=1))
    result = run("ingest", model, tmp_path / "nowhere", other)
    assert result.exit_code == 1
    assert result.stderr.count("Error:") == 1
    assert "nowhere" in result.stderr
    assert {entry["name"] for entry in answer("list")["models"]} == {"model", "other"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("ingest", "./nowhere"),
        ("identify", "./nowhere"),
        ("fingerprint", "./nowhere"),
        ("show", "x"),
        ("remove", "x"),
        ("db", "stop"),
    ],
    ids=" ".join,
)
def test_errors_are_one_sentence(url, arguments):
    """Exit code 1, nothing on stdout, one line on stderr."""
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("ingest",),
        ("frobnicate",),
        ("identify", "x", "-k", "0"),
        ("ingest", "a", "b", "--name", "c"),
    ],
    ids=" ".join,
)
def test_usage_errors(arguments):
    """Wrong usage is exit code 2."""
    assert run(*arguments).exit_code == 2


def test_nonfinite_weights_need_a_flag(url, tmp_path):
    """Refused without --allow-nonfinite; with it they are counted on stderr."""
    tensors = llama()
    tensors["model.layers.0.mlp.up_proj.weight"][0, 0] = float("inf")
    folder = write_folder(tmp_path / "inf", tensors)
    assert run("ingest", folder).exit_code == 1
    result = run("ingest", folder, "--allow-nonfinite")
    assert result.exit_code == 0
    assert "1 NaN or infinite weights were left out" in result.stderr


def test_environment_twins(url, model, monkeypatch):
    """An option can be set by its variable."""
    monkeypatch.setenv("REGISTRY_INGEST_FAMILY", "from the environment")
    assert "in family from the environment" in run("ingest", model).output


def test_no_database_no_harm(model, monkeypatch):
    """A database that is down is one sentence."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", "postgresql://127.0.0.1:1/x")
    result = run("ingest", model)
    assert result.exit_code == 1
    assert "does not answer" in result.stderr


# --- real processes on an embedded server of their own ----------------------------------------------------------


@pytest.fixture
def own_server(tmp_path, monkeypatch):
    """A cold data folder, and the server stopped afterwards."""
    monkeypatch.delenv("REGISTRY_DATABASE_URL", raising=False)
    monkeypatch.setenv("REGISTRY_DATA_DIR", str(tmp_path / "data"))
    yield Server(tmp_path / "data")
    Server(tmp_path / "data").stop()


def start(*arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-m", "cli", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )


def test_six_ingests_at_once_on_a_cold_server(own_server, tmp_path):
    """All succeed; models and families are there once."""
    folders = [write_folder(tmp_path / f"m{i}", llama(seed=i // 2)) for i in range(6)]
    runs = [start("ingest", folder, "--family", "together") for folder in folders]
    outputs = [process.communicate() for process in runs]
    assert [process.returncode for process in runs] == [0] * 6, outputs
    assert len(answer("list")["models"]) == 3  # each pair of folders holds the same weights
    assert len(answer("families")["families"]) == 1


def test_kill_in_the_middle(own_server, tmp_path):
    """A killed ingest leaves no half model, and the next command works."""
    folder = write_folder(tmp_path / "big", llama(layers=40, hidden=96, inner=128))
    run("ingest", write_folder(tmp_path / "first", llama()))
    for delay in (0.5, 2.0, 3.0):
        process = start("ingest", folder)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        names = [entry["name"] for entry in answer("list")["models"]]
        assert names in (["first"], ["big", "first"])
        assert all(run("show", name).exit_code == 0 for name in names)
    assert run("ingest", folder).exit_code == 0


def test_psql_address(own_server):
    """`db url` prints an address that stays up until `db stop`."""
    address = run("db", "url").output.strip()
    done = subprocess.run(
        [next(iter(sorted(server_binaries()))), address, "-Atc", "SELECT count(*) FROM model_fingerprints"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("0\n", "")
    assert answer("db", "status")["running"] is True
    assert run("db", "stop").output == "stopped\n"
    status = answer("db", "status")
    assert (status["kind"], status["running"], status["url"]) == ("embedded", False, None)
    assert run("db", "stop").output == "it was not running\n"


def server_binaries() -> list[str]:
    from registry.database.embedded.binaries import find_binaries

    return [str(find_binaries() / "psql")]
