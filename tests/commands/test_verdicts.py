"""registry.commands.pairs and verdicts: what verify concludes, and what is printed."""

import pytest
from checkpoints_made import llama, write_folder
from command_line import answer, run

from registry.commands.options import UNKNOWN
from registry.commands.pairs import VERIFIED


def test_json_of_an_identification(url, model, tmp_path):
    """Identify gives verdict, model, family and matches with both distances."""
    run("ingest", model, "--family", "fam")
    found = answer("identify", model)
    assert (found["verdict"], found["model"], found["family"]) == ("same weights", "model", "fam")
    [match] = found["matches"]
    assert {"model", "family", "std_distance", "clustering_distance"} <= set(match)
    assert match["std_distance"] == 0


@pytest.fixture
def copy(tmp_path):
    """A model whose weights are 1.1 times the first's."""
    weights = {name: tensor * 1.1 for name, tensor in llama().items()}
    return write_folder(tmp_path / "copy", weights)


def test_unknown_has_its_own_exit_code(url, model, copy):
    """A verdict that names a model is 0, one that names none is 4."""
    assert run("identify", model).exit_code == UNKNOWN
    run("ingest", model)
    assert run("identify", copy).exit_code == 0
    assert run("compare", copy, "model").exit_code == 0


def test_a_claim(url, model, copy):
    """The table and the JSON name the claimed base and what became of the claim."""
    run("ingest", model)
    result = run("verify", copy, "--claimed-base", "model")
    assert result.exit_code == VERIFIED["consistent"]
    assert "is consistent" in result.stdout
    found = answer("verify", copy, "--claimed-base", "model")
    assert (found["base"], found["outcome"]) == ("model", "consistent")


def test_a_strict_claim(url, model, copy):
    """Where nothing shows which came first, --strict leaves it open."""
    run("ingest", model)
    result = run("verify", copy, "--claimed-base", "model", "--strict")
    assert result.exit_code == VERIFIED["undecidable"]
    found = answer("verify", copy, "--claimed-base", "model")
    assert (found["strict"], found["direction"]) == (False, "undecided")


def test_a_claim_must_be_named(model):
    """Wrong usage without it."""
    result = run("verify", model)
    assert result.exit_code == 2
    assert "--claimed-base" in result.stderr


def test_a_stored_verdict(url, model, copy, tmp_path):
    """`explain` repeats what was found at ingestion, `report` writes it as a page."""
    run("ingest", model)
    run("ingest", copy)
    assert "derived from model" in run("explain", "copy").stdout
    assert answer("explain", "copy")["model"] == "model"
    result = run("report", "copy", "-o", tmp_path / "page.html")
    assert result.stderr == f"wrote {tmp_path / 'page.html'}\n"
    assert (tmp_path / "page.html").read_text().rstrip().endswith("</html>")


def test_a_quick_look(url, model):
    """It reports the bytes read, and excludes a page, for which it reads too little."""
    run("ingest", model)
    found = answer("identify", model, "--quick")
    assert 0 < found["read"] <= found["bytes"]
    result = run("identify", model, "--quick", "--report", "x.html")
    assert result.exit_code == 2
    assert "reads too little" in result.stderr
