"""registry.numerics.flat_sketches: sixteen signed sums of any tensor."""

import numpy as np
import pytest
import torch

from registry.numerics.arrays import as_array
from registry.numerics.flat_sketches import (
    BLOCK,
    BLOCKS_AT_ONCE,
    ROUND,
    WIDTH,
    PiecewiseSketch,
    flat_sketch,
)

MANY = BLOCK * BLOCKS_AT_ONCE + BLOCK + 5  # more than one piece, and a block that is not full


def values(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, generator=torch.Generator().manual_seed(seed))


def test_the_length_is_exact():
    """The length is the root of the sum of all squares."""
    tensor = values(MANY)
    assert flat_sketch(tensor).length == pytest.approx(float(tensor.double().norm()), rel=1e-6)


def test_sums_are_linear():
    """The sums of a difference are the difference of the sums, whatever the shape."""
    one, other = values(MANY), values(MANY, 1)
    difference = np.subtract(flat_sketch(one).sums, flat_sketch(other).sums)
    assert flat_sketch((one - other)[:, None]).sums == pytest.approx(difference, abs=1e-3)


def test_sums_keep_the_length_in_the_mean():
    """Over many tensors the squared sums add up to the squared length, within three per cent."""
    shares = []
    for seed in range(1000):
        sketch = flat_sketch(values(3000, seed))
        shares.append(np.square(sketch.sums).sum() / sketch.length**2)
    assert np.mean(shares) == pytest.approx(1, abs=0.03)


def test_values_that_follow_add_their_own_sums():
    """Zeros appended to a tensor change nothing."""
    tensor = values(BLOCK + 7)
    longer = torch.cat([tensor, torch.zeros(2 * BLOCK)])
    assert flat_sketch(longer).sums == pytest.approx(flat_sketch(tensor).sums, rel=1e-5)


def test_nan_and_infinities_count_as_zero():
    """Values that are no finite numbers leave the sketch as zeros would."""
    tensor = values(100)
    spoilt, cleared = tensor.clone(), tensor.clone()
    spoilt[3], spoilt[70] = float("nan"), float("-inf")
    cleared[3], cleared[70] = 0.0, 0.0
    assert flat_sketch(spoilt) == flat_sketch(cleared)


def test_an_empty_tensor_has_a_sketch_of_zeros():
    """A tensor without values has length 0."""
    assert flat_sketch(torch.empty(0, 4)).sums == (0.0,) * WIDTH


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("rounds", [1, 2, 5])
def test_pieces_give_the_sketch_of_the_whole(dtype, rounds):
    """To the bit, of any type, with values that are not finite, and a last piece that is not full."""
    flat = as_array(values(4 * ROUND + 2 * BLOCK + 7).to(dtype)).copy()
    flat[[5, ROUND + 1, -1]] = np.nan, np.inf, np.inf
    sketch = PiecewiseSketch(len(flat))
    for start in range(0, len(flat), rounds * ROUND):
        sketch.add(flat[start : start + rounds * ROUND])
    assert sketch.result() == flat_sketch(flat)
