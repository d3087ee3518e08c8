"""registry.characteristic.dsv: the laws of a fingerprint's distances, set by set."""

from itertools import combinations

import numpy as np
import pytest
from characteristics_made import NAMES, model

import registry
from registry.characteristic import pareto
from registry.characteristic.dsv import laws, pair_of
from registry.characteristic.pareto import scipy_fits
from registry.characteristic.vectors import all_vectors, between, vectors, within
from registry.errors import NoSuchProjection, TooFewLayers


@pytest.fixture(autouse=True)
def _intervals_that_nobody_reads(monkeypatch):
    """Intervals of shapes take most of the time."""
    monkeypatch.setattr(pareto, "RESAMPLES", 2)


@pytest.fixture(scope="module")
def fingerprint(tmp_path_factory):
    """A model of six layers: 36 distances between two projections, 15 within one."""
    random = np.random.default_rng(0)
    spectra = {projection: 1 + random.pareto(2, (6, 16)) for projection in NAMES}
    return registry.fingerprint(
        model(tmp_path_factory.mktemp("model") / "m", spectra, size=16), rank=16
    )


def test_without_pairs_all_vectors_come_first(fingerprint):
    """Then every pair of projections; scipy's fits are those of the first."""
    result = laws(fingerprint, 16)
    pairs = [f"{one}-{other}" for one, other in combinations(NAMES, 2)]
    assert [distance_law.name for distance_law in result.sets] == ["all", *pairs]
    everything = within(all_vectors(vectors(fingerprint, 16))).values
    assert result.first_fits == scipy_fits(everything)
    assert result.sets[0].count == len(everything)


def test_pairs_that_are_asked_for(fingerprint):
    """They come in their order, and nothing beside them."""
    result = laws(fingerprint, 16, [("query", "gate"), ("up", "key")])
    assert [(distance_law.a, distance_law.b) for distance_law in result.sets] == [
        ("query", "gate"),
        ("up", "key"),
    ]
    by_projection = vectors(fingerprint, 16)
    distances = between(by_projection["query"], by_projection["gate"]).values
    assert result.first_fits == scipy_fits(distances)
    assert result.sets[0].law.mean == pytest.approx(np.mean(distances))


def test_a_pair_with_too_few_distances(fingerprint):
    """It has no law and says why; as the first it is an error, for there is nothing to show."""
    result = laws(fingerprint, 16, [("query", "gate"), ("query", "query")])
    assert (result.sets[1].law, result.sets[1].why) == (None, "too few")
    assert (result.sets[1].name, result.sets[1].count) == ("query", 15)
    with pytest.raises(TooFewLayers, match="query"):
        laws(fingerprint, 16, [("query", "query"), ("query", "gate")])


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("q,gate", ("query", "gate")),
        (" k , v", ("key", "value")),
        ("o,down", ("output", "down")),
        ("up,up", ("up", "up")),
    ],
)
def test_pairs_of_names(text, pair):
    """Whole or by their letter, with blanks or without."""
    assert pair_of(text) == pair


@pytest.mark.parametrize(
    ("text", "wrong"), [("q", "q"), ("q,k,v", "q,k,v"), ("q,nose", "nose"), ("", "")]
)
def test_what_is_no_pair(text, wrong):
    """The name that is unknown, or the whole text, is quoted."""
    with pytest.raises(NoSuchProjection, match=f"'{wrong}'"):
        pair_of(text)
