"""registry.architectures.base_tensors: a base's tensors by an adapter's names and shapes."""

import pytest
import torch

from registry.architectures.base_tensors import BaseTensors, is_transposed
from registry.checkpoints import Entry
from registry.checkpoints.dtypes import F32


def entry(name, shape=(2, 2)):
    return Entry(name, F32, shape, lambda: torch.zeros(shape))


@pytest.mark.parametrize(
    ("name", "found"),
    [("h.0.c.weight", "h.0.c.weight"), ("transformer.h.0.c.weight", "h.0.c.weight"),
     ("c.weight", "h.0.c.weight"), ("d.weight", None), ("e.weight", None)],
    ids=["same", "longer", "shorter", "several", "none"],
)  # fmt: skip
def test_either_name_may_have_a_prefix(name, found):
    """A tensor is found by the end of its name, if it is the only one."""
    tensors = BaseTensors([entry("h.0.c.weight"), entry("h.0.d.weight"), entry("h.1.d.weight")])
    place = tensors.find(name)
    assert (place and place.name) == found


@pytest.mark.parametrize(
    ("stored", "delta", "by_name", "expected"),
    [((2, 3), (2, 3), True, False), ((3, 2), (2, 3), False, True),
     ((2, 2), (2, 2), True, True), ((2, 2), (2, 2), False, False)],
    ids=["as it is", "the other way", "square, Conv1D", "square"],
)  # fmt: skip
def test_orientation_is_derived_from_the_shape(stored, delta, by_name, expected):
    """Where a weight is square its name decides."""
    assert is_transposed(entry("w", stored), entry("w", delta), by_name) is expected
