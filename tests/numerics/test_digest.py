"""registry.numerics.digest."""

import pytest
import torch

from registry.numerics.arrays import as_array
from registry.numerics.digest import PiecewiseDigests, cast_digest, tensor_digest


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64], ids=str)
def test_a_wider_type_keeps_the_digest(dtype):
    """The digest is one of values, not of bytes."""
    narrow = torch.randn(70, 30).to(torch.bfloat16)
    narrow = narrow.clamp(-4, 4).where(narrow.abs() > 1e-4, 0)  # all of it exact in fp16 too
    assert tensor_digest(narrow.to(dtype)) == tensor_digest(narrow)


def test_values_shape_and_order_count():
    """Any other value, shape or order is another digest."""
    tensor = torch.arange(12.0).reshape(3, 4)
    changed = tensor.clone()
    changed[2, 3] += 1e-6
    others = [changed, tensor.reshape(4, 3), tensor.flip(0), tensor.to(torch.float64) + 1e-12]
    assert len({tensor_digest(t) for t in [tensor, *others]}) == 5


def test_strides_do_not_count():
    """A transposed view is the matrix that it shows."""
    tensor = torch.randn(5, 7)
    assert tensor_digest(tensor.T) == tensor_digest(tensor.T.contiguous())


def test_a_single_number_of_whatever_stride():
    """One row of one column out of a larger matrix."""
    matrix = torch.arange(64.0).reshape(8, 8)
    assert tensor_digest(matrix.T[:1, :1]) == tensor_digest(torch.zeros(1, 1))


def test_nan_is_a_value():
    """NaN does not break the comparison that finds the narrowest type."""
    tensor = torch.tensor([1.0, float("nan")])
    assert tensor_digest(tensor) == tensor_digest(tensor.clone())


HALVES = torch.tensor([1.0, -2.5, 0.0, 384.0]).repeat(40_000)
PIECEWISE = {
    "bf16": HALVES.bfloat16(),
    "bf16 with NaN": HALVES.bfloat16().masked_fill(HALVES == 0, torch.nan),
    "fp16": HALVES.half() + 0.1,
    "bf16 as fp16": HALVES.half(),
    "fp32": HALVES + 0.1,
    "fp32 at the end": torch.cat([HALVES, HALVES[:1] + 1e-6]),
    "fp16 as fp32": (HALVES.half() + 0.1).float(),
    "bf16 as fp32": HALVES.clone(),
    "fp32 with NaN": HALVES.masked_fill(HALVES == 0, torch.nan),
    "fp64": HALVES.double() + 1e-12,
    "bf16 as fp64": HALVES.double(),
    "fp64 with infinity": HALVES.double().masked_fill(HALVES == 0, torch.inf),
}


@pytest.mark.parametrize("values", PIECEWISE.values(), ids=PIECEWISE.keys())
@pytest.mark.parametrize("count", [4096, 100_000, 1 << 20])
def test_pieces_give_the_digests_of_the_whole(values, count):
    """Whatever the type, what it holds exactly, and where the first value is that another does not."""
    array = as_array(values)
    digests = PiecewiseDigests(array.dtype, array.shape)
    for start in range(0, array.size, count):
        digests.add(array[start : start + count])
    assert digests.tensor_digest() == tensor_digest(array)
    assert digests.cast_digest() == cast_digest(array)
