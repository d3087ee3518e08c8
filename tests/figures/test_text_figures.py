"""registry.figures.text_figures: figures in a few lines."""

import numpy as np
import pytest
from places import EXAMPLES

import registry
from registry.figures import text_figures
from registry.figures.benchmark_figures import LossCurve, LossCurves


@pytest.fixture(scope="module")
def tiny():
    return registry.fingerprint(EXAMPLES / "llama-tiny", rank=16)


def test_a_curve_of_blocks():
    """The largest value is a full block, and what is at the bottom is blank."""
    assert text_figures.curve_line([0, 1, 2, 4]) == " ▂▄█"


def test_bars_are_relative_to_the_largest(tiny):
    """A full bar for the largest std, and a line for every projection."""
    name, *lines = text_figures.std([("tiny", tiny)])
    assert (name, len(lines)) == ("tiny", 7)
    assert max(line.count("█") for line in lines) == 40
    assert sum(line.endswith(" 1.000") for line in lines) == 1


def test_a_block_for_every_layer(tiny):
    """Labels 0 and 1 are the lightest and the darkest shade; none is blank."""
    _, *lines = text_figures.labels([("tiny", tiny)])
    assert {len(line) for line in lines} == {10 + tiny.layers}
    assert [text_figures.shade(label) for label in (0, 0.5, 1, np.nan)] == ["·", "▒", "█", " "]


def test_letters_stand_where_their_points_are():
    """Corners of the plane are corners of the scatter, the second axis upwards."""
    lines = list(text_figures.scatter(np.array([[0.0, 0.0], [2.0, 1.0]]), ["a", "B"]))
    assert lines[0].rstrip().endswith("B")
    assert lines[-1].startswith("  a")


def test_losses():
    """A curve for every initialisation, ending with the last loss."""
    curve = LossCurve(mean=(3.0, 1.0), low=(2.9, 0.9), high=(3.1, 1.1))
    [line] = text_figures.losses(LossCurves(20, {"default": curve}))
    assert line.split() == ["default", "█", "1.000"]
