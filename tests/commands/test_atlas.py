"""registry.commands.atlas: the map of all models."""

import json

from command_line import run
from places import EXAMPLES


def test_a_map_is_drawn_and_shown(url, tmp_path):
    """Drawn once; then in text, as a picture and as its numbers."""
    assert "No map of the registered models is drawn yet" in run("plot", "atlas").stderr
    names = ("llama-tiny", "llama-tiny-code", "qwen-tiny")
    assert run("ingest", *(EXAMPLES / name for name in names)).exit_code == 0

    drawn = run("atlas")
    assert drawn.stdout == (
        "3 models are on the map, 3 of them new, all laid out anew; 0 clusters are named\n"
    )
    assert json.loads(run("atlas", "--json").stdout)["anew"] is False
    assert json.loads(run("atlas", "--anew", "--json").stdout)["missing"] == {}

    assert "a llama-tiny                 2" in run("plot", "atlas").stdout
    for ending in ("svg", "csv"):
        assert run("plot", "atlas", "-o", tmp_path / f"a.{ending}").exit_code == 0
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 4
