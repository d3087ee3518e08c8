"""registry.figures.benchmark_figures."""

import json

import pytest
from places import EXAMPLES

from registry.errors import WrongPicture
from registry.figures import benchmark_figures
from registry.figures.benchmark_figures import LossCurve, LossCurves, read_losses


def test_losses():
    """A curve and a band for every start."""
    curve = LossCurve(mean=(3.0, 2.0, 1.0), low=(2.9, 1.9, 0.9), high=(3.1, 2.1, 1.1))
    measured = LossCurves(20, {"default": curve, "pissa": curve})
    axes = benchmark_figures.losses(measured).axes[0]
    assert [line.get_label() for line in axes.lines] == ["default", "pissa"]
    assert axes.lines[0].get_xdata() == pytest.approx([0, 10, 20])
    assert len(axes.collections) == 2


def test_losses_are_read_from_the_last_line(tmp_path):
    """A benchmark prints a table and then JSON."""
    curve = {"mean": [2.0, 1.0], "low": [1.9, 0.9], "high": [2.1, 1.1]}
    answer = {"steps": 10, "ways": {"default": {"curve": curve, "seeds": 3}}}
    path = tmp_path / "loss.json"
    path.write_text("a table\n" + json.dumps(answer))
    expected = LossCurve(mean=(2.0, 1.0), low=(1.9, 0.9), high=(2.1, 1.1))
    assert read_losses(path) == LossCurves(10, {"default": expected})


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"steps": 1}', '{"steps": 1, "ways": {}}'])
def test_other_files_are_refused(tmp_path, text):
    """One sentence says what the figure is drawn of, also for a file that is not there."""
    path = tmp_path / "loss.json"
    for _ in range(2):
        with pytest.raises(WrongPicture, match="'loss' is drawn of the JSON file of one benchmark"):
            read_losses(path)
        path.write_text(text)


def test_the_published_losses_are_drawn():
    """docs/images/loss.svg is drawn of a file of this repository."""
    path = EXAMPLES.parents[1] / "benchmarks" / "results" / "lora-init-epyc-zen4-2-cores.json"
    assert "default" in read_losses(path).curves
