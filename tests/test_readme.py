"""The README's Python does what it says."""

from pathlib import Path

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

ROOT = Path(__file__).parents[1]


def test_the_python_of_the_readme_runs(url, monkeypatch, capsys):
    """Every Python block of the README runs from the project's folder, and names the base of the fine-tune."""
    monkeypatch.chdir(ROOT)
    document = Sybil(parsers=[PythonCodeBlockParser()], path=str(ROOT)).parse(ROOT / "README.md")
    examples = list(document.examples())
    for example in examples:
        example.evaluate()
    assert len(examples) == 1
    std, compared, identified = capsys.readouterr().out.splitlines()
    assert 0 < float(std) < 1
    assert compared.startswith("derived from ")
    assert identified == "derived from llama-tiny"
