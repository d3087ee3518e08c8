"""registry.fingerprints.matrix: one matrix becomes its record."""

import math

import pytest
import torch

from registry.fingerprints.matrix import FOLDED, START, known, start_image
from registry.numerics.sketches import folded


@pytest.mark.parametrize(
    "shape", [(START + 5,), (3, 2 * START), (100, 97), (4, 50, 97), (5,), (3, 4)]
)
def test_the_start_of_a_tensor(shape):
    """The image of its first 4,096 values, row by row, whatever its shape."""
    tensor = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    image = start_image(tensor)
    assert image.shape == (FOLDED,)
    assert (image == folded(tensor.reshape(-1)[:START], FOLDED)).all()


def test_what_was_not_computed_is_none():
    """NaN stands for it before."""
    assert known(math.nan) is None
    assert known(0.0) == 0.0
