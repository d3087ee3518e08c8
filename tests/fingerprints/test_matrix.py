"""registry.fingerprints.matrix: one matrix becomes its record."""

import math

import numpy as np
import pytest

from registry.fingerprints.matrix import FOLDED, START, known, start_image
from registry.numerics.sketches import folded


@pytest.mark.parametrize(
    "shape", [(START + 5,), (3, 2 * START), (100, 97), (4, 50, 97), (5,), (3, 4)]
)
def test_the_start_of_a_tensor(shape):
    """The image of its first 4,096 values, row by row, whatever its shape."""
    tensor = np.random.default_rng(1).standard_normal(shape, np.float32)
    image = start_image(tensor)
    assert image.shape == (FOLDED,)
    assert (image == folded(tensor.reshape(-1)[:START], FOLDED)).all()


def test_what_was_not_computed_is_none():
    """NaN stands for it before."""
    assert known(math.nan) is None
    assert known(0.0) == 0.0
