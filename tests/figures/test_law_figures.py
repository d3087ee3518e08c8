"""registry.figures.law_figures: the data that is drawn is that of the fingerprint."""

import numpy as np
import pytest
from figures_made import two_models

from registry.characteristic.vectors import vectors
from registry.figures import law_figures


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return two_models(tmp_path_factory.mktemp("models"))


def test_distances(models):
    """Every vector with every other, projection by projection."""
    name, fingerprint = models[1]
    shown = np.asarray(law_figures.distances([(name, fingerprint)]).axes[0].images[0].get_array())
    rows = np.concatenate([own.rows for own in vectors(fingerprint, 16).values()])
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert shown == pytest.approx(unit @ unit.T, abs=1e-12)


def test_laws(models):
    """The histogram's area is the share that is shown, and the title says which law it is."""
    axes = law_figures.laws(models[1:]).axes[0]
    assert axes.get_title().startswith("made: ")
    assert sum(bar.get_height() * bar.get_width() for bar in axes.patches) == pytest.approx(1)


def test_a_polar_plot_turns_once(models):
    """Counts add up to all distances that are not zero."""
    axes = law_figures.polar(models[1:]).axes[0]
    assert sum(bar.get_height() for bar in axes.patches) <= 16 * 16
    assert max(bar.get_x() for bar in axes.patches) < 2 * np.pi
