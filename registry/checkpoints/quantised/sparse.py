"""Sparse matrices of compressed-tensors: the numbers that are not zero, and a bit for each place.

The bitmask has 8 places a byte, lowest bit first, and whole bytes a row. In sparse-bitmask the
numbers lie one after the other; in sparse-24-bitmask, where two of every four are zero, each row
has half as many as inputs. fp8 and int8 numbers have scales for the tensor or for each row.
"""

import math
from functools import partial
from typing import TYPE_CHECKING

from registry.checkpoints.dtypes import FLOATING
from registry.checkpoints.quantised.bits import unpack
from registry.checkpoints.quantised.group import Group
from registry.checkpoints.tensors import Entry

if TYPE_CHECKING:
    from torch import Tensor

VALUES, MASK = ".weight.compressed", ".weight.bitmask"
SHAPE, SCALE = ".weight.shape", ".weight_scale"


def sparse(group: Group) -> Entry:
    """Return the entry of a sparse weight.

    shape is two numbers, which are read; bitmask is outputs x inputs / 8.

    Raises:
        BrokenQuantisation: Where the parts do not fit each other.
    """
    is_pair = group.parts[SHAPE].count == 2  # noqa: PLR2004  # a matrix
    group.need(is_pair, "'shape' is not two numbers")
    outputs, inputs = group.read(SHAPE).flatten().tolist()
    group.need(outputs > 0 and inputs > 0, f"its shape is {[outputs, inputs]}")
    has_bits = group.parts[MASK].shape == (outputs, math.ceil(inputs / 8))
    group.need(has_bits, "'bitmask' does not have one bit for each weight")

    dtype = group.parts[VALUES].dtype
    if SCALE in group.parts:
        has_scales = group.parts[SCALE].count in (1, outputs)
        group.need(has_scales, "'weight_scale' does not go with 'shape'")
        dtype = group.dtype(SCALE)
    group.need(dtype in FLOATING, f"its numbers of {dtype.name} have no scale")
    load = partial(load_sparse, group, (outputs, inputs))
    return group.entry((outputs, inputs), dtype, "compressed-tensors sparse", load)


def load_sparse(group: Group, shape: tuple[int, int]) -> "Tensor":
    """Read the weight, outputs x inputs."""
    import torch  # noqa: PLC0415  # only whoever reads waits for it

    values = group.read(VALUES).flatten()
    mask = unpack(group.read(MASK), 1, shape[1]).bool()
    group.need(int(mask.sum()) == len(values), "'compressed' does not fill the places of 'bitmask'")
    scales = None
    if SCALE in group.parts:
        scales = group.scales(SCALE).reshape(-1, 1)
        values = values.to(scales.dtype)
    weight = torch.zeros(shape, dtype=values.dtype)
    weight[mask] = values
    return weight if scales is None else weight * scales
