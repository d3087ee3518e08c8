"""registry.commands.models."""

import psycopg
from checkpoints_made import llama, write_folder
from command_line import answer, run

from registry.commands.options import UNKNOWN


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
    assert "removed model (family fam)" in run("remove", "model", "--yes").output
    result = run("identify", copy)
    assert result.exit_code == UNKNOWN
    assert "unknown" in result.output


def test_what_was_not_recorded(url, model):
    """A model from before bounds were stored says so."""
    run("ingest", model)
    with psycopg.connect(url) as own:
        own.execute("UPDATE registry_tables.matrices SET bounds = NULL")
        own.execute("UPDATE registry_tables.clusterings SET undetermined = NULL")
    shown = answer("show", "model")
    assert (shown["spectrum_error"], shown["undetermined"]) == (None, {"16": None, "64": None})
    assert "how exact the singular values are was not recorded" in run(
        "show", "model"
    ).output.replace("\n", " ")


def test_labels_in_doubt_are_named(url, model):
    """In the table, in the JSON and in SQL."""
    run("ingest", model)
    with psycopg.connect(url) as own:
        own.execute("UPDATE registry_tables.clusterings SET undetermined = '{1,9}' WHERE rank = 16")
        own.commit()
        view = own.execute("SELECT undetermined FROM model_fingerprints").fetchall()
    assert view == [(2,)]
    told = "labels at rank 16 that are not certain within the errors of the singular values: layer 0 key, layer 1 value"
    assert told in " ".join(run("show", "model").output.split())
    assert answer("show", "model")["undetermined"]["16"] == [
        {"layer": 0, "projection": "key", "expert": None},
        {"layer": 1, "projection": "value", "expert": None},
    ]
