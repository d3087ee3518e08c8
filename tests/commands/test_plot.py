"""registry.commands.plot."""

import json

import pytest
from command_line import run
from places import EXAMPLES


def test_lines_without_a_file(url):
    """A registered model in lines of text; a kind that takes no model."""
    assert run("ingest", EXAMPLES / "llama-tiny").exit_code == 0
    assert "query   ████" in run("plot", "clusters", "llama-tiny").stdout
    assert "power law" in run("plot", "generator").stdout


def test_a_file(url, tmp_path):
    """Sources are drawn as registered models are, several beside each other."""
    models = (EXAMPLES / "llama-tiny", EXAMPLES / "qwen-tiny")
    for name in ("a.svg", "c.png"):
        result = run("plot", "std", *models, "-o", tmp_path / name)
        assert result.exit_code == 0
        assert result.stderr == f"wrote {tmp_path / name}\n"
    assert b">qwen-tiny<" in (tmp_path / "a.svg").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.svg", "c.png"]


def test_a_benchmark(tmp_path, monkeypatch):
    """Kind loss is drawn of a file, without a database."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", "postgresql://127.0.0.1:1/x")
    curve = {"mean": [2.0, 1.0], "low": [1.9, 0.9], "high": [2.1, 1.1]}
    answer = {"steps": 1, "ways": {"default": {"curve": curve}}}
    (tmp_path / "loss.json").write_text("a table\n" + json.dumps(answer))
    assert run("plot", "loss", tmp_path / "loss.json").stdout.startswith("default")


def test_where_models_come_from(url, tmp_path):
    """Layer drift of a model and its registered parent, or of two sources; the tree of a family."""
    child = EXAMPLES / "llama-tiny-code"
    assert run("ingest", EXAMPLES / "llama-tiny", child, "--family", "herd").exit_code == 0
    known = run("plot", "layers", "llama-tiny-code").stdout
    assert known.startswith("llama-tiny-code from llama-tiny\n")
    assert run("plot", "layers", child, EXAMPLES / "llama-tiny").stdout == known
    assert run("plot", "tree", "herd").stdout == run("plot", "tree").stdout
    assert "\n  llama-tiny-code  fine-tuned" in run("plot", "tree", "llama-tiny").stdout
    assert run("plot", "tree", "-o", tmp_path / "a.csv").exit_code == 0
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 3

    sentence = "Nothing is known that 'llama-tiny' was made from"
    assert sentence in run("plot", "layers", "llama-tiny").stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("std",), "drawn of models"),
        (("generator", "llama-tiny"), "drawn of nothing"),
        (("loss", "nowhere.json"), "JSON file"),
        (("std", "llama-tiny", "-o", "a.pdf"), ".png or .svg"),
        (("layers", "a", "b", "c"), "a model and its parent"),
        (("tree",), "No model is registered"),
        (("tree", "nowhere"), "No registered model is called 'nowhere'"),
        (("std", EXAMPLES / "llama-tiny", "-o", "no/a.svg"), "cannot be written"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_what_is_no_figure(url, tmp_path, monkeypatch, arguments, sentence):
    """Each is one sentence, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    result = run("plot", *arguments)
    assert (result.exit_code, sentence in result.output) == (1, True), result.output
    assert list(tmp_path.iterdir()) == []
