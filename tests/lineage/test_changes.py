"""registry.lineage.changes: how far matched matrices moved, along which rank, and which layers went."""

import models_made as made
import numpy as np
import pytest

from registry.lineage.changes import (
    SketchPair,
    WeightChanges,
    change_rank,
    mean_of_known,
    pooled_cosine,
)
from registry.lineage.comparison import ModelComparison
from registry.lineage.features import ModelFeatures

ROOT = made.grown()


def test_layers_come_from_those_they_are_like(fingerprinted):
    """A layer that is left out is removed, one that comes twice is repeated."""
    child = fingerprinted("taken", made.layers_taken(ROOT, [0, 1, 1, 3]))
    changes = ModelComparison.of(child, fingerprinted("root", ROOT)).changes
    assert changes.places == (0, 1, 1, 3)
    assert changes.removed == (2,)
    assert changes.repeated == (1,)
    assert changes.without_source == ()


def test_layers_beyond_the_shorter_model_have_no_source(fingerprinted):
    """In order, each layer comes from that of its number."""
    longer = ModelFeatures.of(fingerprinted("six", made.grown(5, layers=6)))
    shorter = ModelFeatures.of(fingerprinted("root", ROOT))
    changes = WeightChanges.in_order(longer, shorter)
    assert changes.places == (0, 1, 2, 3, None, None)
    assert changes.without_source == (4, 5)


@pytest.mark.parametrize("rank", [1, 3, 7])
def test_the_rank_is_where_singular_values_fall(rank):
    """A sketch of a change of low rank has that rank; one of full rank its size."""
    draw = np.random.default_rng(rank)
    earlier = draw.standard_normal((18, 18))
    update = draw.standard_normal((18, rank)) @ draw.standard_normal((rank, 18))
    assert change_rank(earlier + update, earlier, 2e-3) == rank
    assert change_rank(earlier + draw.standard_normal((18, 18)), earlier, 2e-3) == 18
    assert change_rank(earlier, earlier, 2e-3) == 0


def test_pairs_are_pooled_by_their_lengths():
    """The cosine of all sketches is that of the products over that of the lengths."""
    one, other = np.eye(2), 3 * np.eye(2)
    opposite = SketchPair(one, -one)
    assert pooled_cosine([SketchPair(one, other)]) == pytest.approx(1)
    assert pooled_cosine([SketchPair(one, other), opposite]) == pytest.approx((6 - 2) / (6 + 2))
    assert pooled_cosine([SketchPair(0 * one, one)]) == 0


def test_what_is_unknown_takes_no_part_in_a_mean():
    """Shares of models stored before they were counted are None."""
    assert mean_of_known([0.2, None, 0.4]) == pytest.approx(0.3)
    assert mean_of_known([None]) == 0
