"""registry.figures.text_figures."""

import pytest
from figures_made import two_models

from registry.figures import text_figures
from registry.figures.draw import as_text
from registry.figures.kinds import KINDS, Subject


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return two_models(tmp_path_factory.mktemp("models"))


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"loss", "generator", "paths"}))
def test_lines_fit_a_terminal(models, kind):
    """Of every kind, 80 columns at most."""
    text = as_text(kind, Subject(tuple(models)))
    assert text
    assert max(map(len, text.splitlines())) <= 80


def test_a_curve_of_blocks():
    """The largest value is a full block, and what is at the bottom is blank."""
    assert text_figures.curve_line([0, 1, 2, 4]) == " ▂▄█"
