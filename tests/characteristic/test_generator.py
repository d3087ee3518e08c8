"""registry.characteristic.generator: vectors whose distances follow a law."""

import numpy as np
import pytest
from scipy import stats

from registry.characteristic import generator
from registry.characteristic.laws import decided
from registry.characteristic.vectors import cosine_distances
from registry.errors import LawNotReached


@pytest.mark.parametrize("length", [64, 256, 4096])
@pytest.mark.parametrize("law", ["power law", "normal"])
def test_distances_follow_the_law(law, length):
    """Figure 8: of what the generator makes, whatever the seed, while the numbers themselves stay near normal."""
    for seed in range(5):
        draw = np.random.default_rng(seed)
        one, other = generator.pair(generator.template(length, draw), 16, law, draw)
        assert (
            decided(
                cosine_distances(one, other).ravel()[cosine_distances(one, other).ravel() > 1e-12]
            )
            == law
        )
        assert abs(stats.kurtosis(np.concatenate([one, other]).ravel())) < 3


def test_a_seed_gives_the_same():
    """Number for number."""
    made = [generator.pair(np.ones(64), 8, "normal", np.random.default_rng(4)) for _ in range(2)]
    assert all(np.array_equal(one, other) for one, other in zip(*made, strict=True))


@pytest.mark.parametrize("kind", ["constant", "normal", "pareto"])
def test_counts_stay_within_the_vector(kind):
    """From 0 to its length, however heavy the tail; a constant count is one number."""
    counts = generator.Counts(kind).draw(1000, 10, np.random.default_rng(0))
    assert counts.min() >= 0
    assert counts.max() <= 10
    assert kind != "constant" or set(counts) == {5}


def test_a_law_that_short_vectors_cannot_show():
    """Is refused and not pretended."""
    with pytest.raises(LawNotReached, match="ask for more vectors"):
        generator.pair(np.ones(2), 8, "normal", np.random.default_rng(0))
