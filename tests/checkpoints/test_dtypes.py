"""registry.checkpoints.dtypes: the same types as torch's."""

import pytest
import torch

from registry.checkpoints import dtypes
from registry.checkpoints.dtypes import DType

TYPES = {name: value for name, value in vars(dtypes).items() if isinstance(value, DType)}


@pytest.mark.parametrize("dtype", TYPES.values(), ids=TYPES)
def test_each_is_torchs(dtype):
    """Name and size are those of torch, there and back; pairs of numbers are read as bytes."""
    assert dtypes.of(dtype.torch) == dtype
    read_as = dtypes.U8 if dtype == dtypes.F4_PAIRS else dtype
    tensor, array = dtype.empty(2, 3), dtype.blank(2, 3)
    assert (tensor.dtype, tensor.shape) == (read_as.torch, (2, 3))
    assert (array.dtype.name, array.itemsize, array.shape) == (
        read_as.name,
        dtype.itemsize,
        (2, 3),
    )


@pytest.mark.parametrize("rows", [1, 1 << 10, 1 << 20], ids="{} rows".format)
def test_memory_of_any_size(rows):
    """Small and large tensors can be filled and read; the memory of large ones outlives whoever asked for it."""
    halves = [dtypes.F32.empty(rows, 3).fill_(value).split((rows + 1) // 2)[0] for value in (1, 2)]
    assert [float(half.sum()) for half in halves] == [
        3 * ((rows + 1) // 2) * value for value in (1, 2)
    ]


def test_more_than_there_is():
    """No memory can hold it: an error that Entry.load knows."""
    with pytest.raises((MemoryError, ValueError)):
        dtypes.F32.empty(1 << 55)


def test_no_type_stands_twice():
    """Types are compared by value, so two names would be one type."""
    assert len(set(TYPES.values())) == len(TYPES) == 20


@pytest.mark.parametrize("dtype", [torch.complex128, torch.quint8], ids=str)
def test_types_that_only_pickles_hold(dtype):
    """They have no name here, and are told all the same."""
    assert dtypes.of(dtype).torch == dtype
    assert dtypes.of(dtype) not in TYPES.values()


def test_floating():
    """Weights are computed in these; torch calls them floating as well."""
    assert all(dtype.torch.is_floating_point and dtype.itemsize > 1 for dtype in dtypes.FLOATING)
