"""registry.commands.checkpoints."""

import json
import signal
import time

import psycopg
import pytest
import torch
from checkpoints_made import llama, write_folder
from command_line import answer, run, start

from registry.architectures.roles import PROJECTIONS
from registry.database.embedded.server import Server


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


def test_inspect_reads_headers(model):
    """What a checkpoint holds, as a table and as JSON; the scheme of the tensors' names is named."""
    assert "tensor naming scheme: llama" in run("inspect", model).output
    found = answer("inspect", model)
    assert found["naming"] == "llama"
    assert [row["projection"] for row in found["projections"]] == list(PROJECTIONS)


def test_a_name_goes_with_one_source(model, tmp_path):
    """--name registers one model under a name; with two sources it is wrong usage."""
    result = run("ingest", model, tmp_path, "--name", "c")
    assert result.exit_code == 2
    assert "--name goes with one SOURCE only" in result.stderr


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


def test_nonfinite_weights_need_a_flag(url, tmp_path):
    """Refused without --allow-nonfinite; with it they are counted on stderr."""
    tensors = llama()
    tensors["model.layers.0.mlp.up_proj.weight"][0, 0] = float("inf")
    folder = write_folder(tmp_path / "inf", tensors)
    assert run("ingest", folder).exit_code == 1
    result = run("ingest", folder, "--allow-nonfinite")
    assert result.exit_code == 0
    assert "1 NaN or infinite weights were left out" in result.stderr


@pytest.fixture
def own_server(tmp_path, monkeypatch):
    """A cold data folder, and the server stopped afterwards."""
    monkeypatch.delenv("REGISTRY_DATABASE_URL", raising=False)
    monkeypatch.setenv("REGISTRY_DATA_DIR", str(tmp_path / "data"))
    yield Server(tmp_path / "data")
    Server(tmp_path / "data").stop()


@pytest.mark.slow
def test_ingests_at_once_on_a_cold_server(own_server, tmp_path):
    """All succeed; models and families are there once."""
    folders = [write_folder(tmp_path / f"m{i}", llama(seed=i // 2)) for i in range(3)]
    runs = [start("ingest", folder, "--family", "together") for folder in folders]
    outputs = [process.communicate() for process in runs]
    assert [process.returncode for process in runs] == [0] * 3, outputs
    assert len(answer("list")["models"]) == 2  # the first two folders hold the same weights
    assert len(answer("families")["families"]) == 1


# what a process of its own is doing in the database when it is killed
MOMENTS = {
    "connected": "pid <> pg_backend_pid() AND datname = current_database()",
    "writing": "pid <> pg_backend_pid() AND backend_xid IS NOT NULL",
}


@pytest.mark.slow
def test_kill_in_the_middle(own_server, tmp_path):
    """A killed ingest leaves no half model, and the next command works."""
    folder = write_folder(tmp_path / "big", llama(layers=40, hidden=32, inner=48))
    run("ingest", write_folder(tmp_path / "first", llama()))

    with own_server.connected() as url:
        for moment in MOMENTS.values():
            process = start("ingest", folder)
            wait_for(url, moment, process)
            process.send_signal(signal.SIGKILL)
            process.communicate()

            names = [entry["name"] for entry in answer("list")["models"]]
            assert names in (["first"], ["big", "first"])
            assert all(run("show", name).exit_code == 0 for name in names)
    assert run("ingest", folder).exit_code == 0


def wait_for(url, moment, process):
    """Return as soon as a connection is in that state, or the process has ended."""
    query = f"SELECT count(*) FROM pg_stat_activity WHERE {moment}"
    with psycopg.connect(url, autocommit=True) as own:
        while process.poll() is None and own.execute(query).fetchone() == (0,):
            time.sleep(0.001)


def test_inspecting_what_is_no_model(tmp_path):
    """Where no tensor is a projection, the listing is followed by a sentence, and the exit code is 1."""
    folder = write_folder(tmp_path / "m", {"encoder.thing": torch.ones(2, 2)})
    result = run("inspect", folder)
    assert result.exit_code == 1
    assert "encoder.thing" in result.stdout
    assert "holds 1 tensors, and none of them is a known projection" in result.stderr
    assert json.loads(run("inspect", folder, "--json").stdout)["unknown"] == ["encoder.thing"]
