"""registry.lineage.layer_sources: which layer comes from which."""

import numpy as np
import pytest

from registry.lineage.layer_sources import in_order, likeliest, sources, unrelated_similarity


def table(order: list[int | None], layers: int, strength: float = 0.9) -> np.ndarray:
    """Similarities of layers that come from those of an order, with small noise elsewhere."""
    draw = np.random.default_rng(len(order))
    cosines = 0.05 * draw.standard_normal((len(order), layers))
    for layer, source in enumerate(order):
        if source is not None:
            cosines[layer, source] = strength
    return cosines


@pytest.mark.parametrize("strength", [0.9, 0.5])
@pytest.mark.parametrize(
    "order",
    [
        [0, 1, 2, 3, 4, 5],
        [0, 1, 3, 4, 5],
        [0, 1, 2, 2, 3, 4, 5],
        [0, 1, 2, 3, 1, 2, 3, 4, 5],
        [0, 2, 1, 3, 4, 5],
        [0, 1, 2, None, None, None],
        [0, 1, None, 2, 3, 4, 5],
    ],
    ids=str,
)
def test_every_order_is_recognised(order, strength):
    """Layers dropped, repeated, stacked, swapped, replaced and inserted."""
    assert sources(table(order, 6, strength)) == tuple(order)


def test_what_nothing_tells_stays_in_order():
    """Without any similarity layers come from those of their numbers."""
    assert sources(table([None] * 5, 4)) == (0, 1, 2, 3, None)
    assert in_order(2, 3) == (0, 1)


def test_one_layer_that_was_trained_far_keeps_its_place():
    """A similarity that is faint but the largest of its layer is not taken for another layer's."""
    cosines = table([0, 1, 2, 3], 4)
    cosines[3] = [0.02, -0.03, 0.0, 0.17]
    assert sources(cosines) == (0, 1, 2, 3)


def test_a_break_of_the_order_must_gain():
    """Of layers that are equally alike, those in order are taken."""
    gains = np.array([[0.5, 0.55, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 0.5]])
    assert likeliest(gains) == (0, 1, 2)


def test_more_layers_need_more_similarity():
    """By chance the best of many is more alike than the best of few."""
    assert unrelated_similarity(4) < unrelated_similarity(100) < 0.3
