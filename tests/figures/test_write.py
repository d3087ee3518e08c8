"""registry.figures.write: from a kind and its subject to lines of text."""

import pytest
from figures_made import two_models

from registry.figures.kinds import KINDS, Subject, Takes
from registry.figures.write import as_lines

DRAWN_OF_MODELS = {kind for kind, row in KINDS.items() if row.takes is Takes.MODELS}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return two_models(tmp_path_factory.mktemp("models"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(DRAWN_OF_MODELS - {"paths"}))
def test_lines_fit_a_terminal(models, kind):
    """Of every kind, 80 columns at most; paths are those of adapters."""
    lines = as_lines(kind, Subject(tuple(models)))
    assert lines
    assert max(map(len, lines)) <= 80


def test_the_generator_takes_no_model():
    """A line for every law."""
    assert len(as_lines("generator", Subject())) == 2
