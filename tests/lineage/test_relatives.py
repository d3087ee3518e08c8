"""registry.lineage.relatives: which candidate explains most, and which do so equally."""

import models_made as made
import pytest

from registry.lineage.features import ModelFeatures
from registry.lineage.fits import Candidate, Difference, fits
from registry.lineage.relatives import ranked

ROOT = made.grown()
CHILD = made.tuned(ROOT, 0.2, 1)
PLACES = (0, 1, 2, 3)


@pytest.fixture
def features(fingerprinted):
    def of(name, tensors):
        return ModelFeatures.of(fingerprinted(f"relative {name}", tensors))

    return of


def names(ranking, every, places):
    return [every[place].name for place in places]


def test_the_parent_explains_more_than_the_grandparent_and_a_sibling(features):
    """It is named, and neither of the others is tied with it."""
    models = {"root": ROOT, "sibling": made.tuned(CHILD, 0.2, 7), "parent": CHILD}
    candidates = [Candidate(name, features(name, made_), PLACES) for name, made_ in models.items()]
    every = fits(features("grandchild", made.tuned(CHILD, 0.1, 2)), candidates)
    ranking = ranked(every)
    assert every[ranking.order[0]].name == "parent"
    assert names(ranking, every, ranking.tied) == ["parent"]
    explained = {fit.name: fit.explained for fit in every}
    assert explained["parent"] == pytest.approx(0.99, abs=0.005)
    assert max(explained["root"], explained["sibling"]) < 0.98


def test_a_copy_fits_as_well_and_the_first_given_is_named(features):
    """Copies in other axes and types included: the branches' effect is what it was."""
    candidates = [
        Candidate("permuted", features("permuted", made.neurons_permuted(ROOT)), PLACES),
        Candidate("root", features("root", ROOT), PLACES),
        Candidate("again", features("root", ROOT), PLACES),
    ]
    every = fits(features("child", CHILD), candidates)
    ranking = ranked(every)
    assert every[ranking.order[0]].name == "root"
    assert names(ranking, every, sorted(ranking.tied)) == ["root", "again"]


def test_what_has_no_counterpart_is_unexplained(features):
    """A model without two of four layers explains half."""
    shallow = made.grown(layers=2)
    candidate = Candidate("shallow", features("shallow", shallow), (0, 1, None, None))
    every = fits(features("root", ROOT), [candidate])
    energy = {key: float(tensor.square().sum()) for key, tensor in ROOT.items()}
    missing = sum(
        energy[key] for key in energy if key.startswith(("model.layers.2", "model.layers.3"))
    )
    assert every[0].explained == pytest.approx(1 - missing / sum(energy.values()), abs=0.02)


def test_a_rotated_model_is_seen_through_its_tokens(features):
    """Nothing of its matrices agrees with its root; what its branches do to tokens does."""
    candidates = [
        Candidate("other", features("other", made.grown(3)), PLACES),
        Candidate("root", features("root", ROOT), PLACES),
    ]
    every = fits(features("rotated", made.rotated(ROOT)), candidates)
    assert not every[0].linear
    assert every[ranked(every).order[0]].name == "root"


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [(0.1, 0.01, True), (0.1, 0.05, False), (1e-7, 0.0, False), (-0.1, 0.01, False)],
)
def test_a_difference_is_shown_beyond_its_error(value, error, shown):
    """Beyond three standard deviations and what rounding leaves."""
    assert Difference(value, error).shown is shown
