"""Numbers that torch itself knows (fp8, int8) beside scales.

There is a scale for the tensor, or one for each row, group or block.

w = (q - z) s in the type of the scales. This is DeepSeek's fp8 (weight_scale_inv multiplies, its
name notwithstanding), transformers' fine-grained fp8, and compressed-tensors' float-quantized,
int-quantized and naive-quantized.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from registry.checkpoints.dtypes import F8_E4M3, F8_E4M3FNUZ, F8_E5M2, F8_E5M2FNUZ, F8_E8M0, I8, U8
from registry.checkpoints.quantised.bits import fill_rows, numbered
from registry.checkpoints.quantised.group import Group
from registry.checkpoints.tensors import Entry

if TYPE_CHECKING:
    from torch import Tensor

KINDS = {
    I8: "int8",
    F8_E4M3: "fp8 e4m3",
    F8_E5M2: "fp8 e5m2",
    F8_E4M3FNUZ: "fp8 e4m3fnuz",
    F8_E5M2FNUZ: "fp8 e5m2fnuz",
}
ZEROS = (".weight_zero_point", "._weight_zero_point")  # the second of torchao
BLOCK_SIZE = 128  # where the config is silent and the shapes leave it open


@dataclass(frozen=True)
class ScaleTable:
    """How scales cover a weight.

    Attributes:
        part: The suffix of their part.
        shape: As many dimensions as the weight has.
        sizes: Along each axis, how many elements share a scale.
        zeros: The suffix of the zero points, None where there are none.
    """

    part: str
    shape: tuple[int, ...]
    sizes: tuple[int, ...]
    zeros: str | None = None


def scaled(part: str, scales_part: str, group: Group) -> Entry:
    """Return the entry of numbers with scales, one or as many as cover them evenly.

    Args:
        part: The suffix of the numbers, of any shape of two dimensions or more.
        scales_part: The suffix of their scales.
        group: The parts.

    Raises:
        BrokenQuantisation: Where the parts do not fit each other.
    """
    weight, scales = group.parts[part], group.parts[scales_part]
    is_matrix = len(weight.shape) > 1 and 0 not in weight.shape
    group.need(is_matrix, f"its shape is {list(weight.shape)}")

    shape = table_shape(scales.shape, weight.shape)
    misfit = f"{scales_part[1:]!r} of {list(scales.shape)} does not cover {list(weight.shape)}"
    group.need(len(shape) == len(weight.shape), misfit)

    sizes = []
    for axis, (count, scale_count) in enumerate(zip(weight.shape, shape, strict=True)):
        sizes.append(block_size(group, count, scale_count, axis))
    group.need(0 not in sizes, misfit)

    zeros = next((zeros for zeros in ZEROS if zeros in group.parts), None)
    if zeros:
        has_all = group.parts[zeros].count == math.prod(shape)
        group.need(has_all, f"{zeros[1:]!r} does not go with its scales")

    table = ScaleTable(scales_part, shape, tuple(sizes), zeros)
    load = partial(load_scaled, group, part, table)
    return group.entry(weight.shape, group.dtype(scales_part), KINDS[weight.dtype], load)


def table_shape(scales: tuple[int, ...], weight: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a table of scales with as many dimensions as the weight.

    One scale, and one scale a row, may be stored with fewer.
    """
    if math.prod(scales) == 1:
        return (1,) * len(weight)
    if scales == weight[:1]:
        return (*scales, *(1,) * (len(weight) - 1))
    return scales


def block_size(group: Group, count: int, scales: int, axis: int) -> int:
    """Return how many elements along one axis share one of its scales; 0 where they cannot.

    Args:
        group: The parts, for the config's block sizes.
        count: Elements along the axis.
        scales: Scales along the axis.
        axis: Which one it is.
    """
    stated = [*group.stated("weight_block_size"), *group.stated("block_structure")]
    by_axis = [sizes for sizes in stated if isinstance(sizes, list) and len(sizes) > axis]
    candidates = [sizes[axis] for sizes in by_axis]
    if scales and count % scales == 0:
        candidates.append(count // scales)
    for size in (*candidates, BLOCK_SIZE):
        if type(size) is int and size > 0 and math.ceil(count / size) == scales:
            return size
    return 0


def scale_numbers(group: Group, part: str) -> "Tensor":
    """Read scales; bytes are powers of two (E8M0), as compressed-tensors stores MXFP8."""
    if group.parts[part].dtype != U8:
        return group.scales(part)
    scales: Tensor = group.read(part).view(F8_E8M0.torch).float()
    group.need(bool(scales.isfinite().all()), f"{part[1:]!r} holds NaN or infinity")
    return scales


def load_scaled(group: Group, part: str, table: ScaleTable) -> "Tensor":
    """Read the weight, of its numbers' shape."""
    scales = scale_numbers(group, table.part).reshape(table.shape)
    zeros = None
    if table.zeros:
        zeros = group.read(table.zeros).to(scales.dtype).reshape(table.shape)
    weight = group.read(part)
    blocks = [numbered(count, size) for count, size in zip(weight.shape, table.sizes, strict=True)]

    def spread(numbers: "Tensor", rows: slice) -> "Tensor":
        numbers = numbers[blocks[0][rows]]
        for axis in range(1, len(blocks)):
            numbers = numbers.index_select(axis, blocks[axis])
        return numbers

    def block(rows: slice) -> "Tensor":
        numbers = weight[rows].to(scales.dtype)
        if zeros is not None:
            numbers = numbers - spread(zeros, rows)
        return numbers * spread(scales, rows)

    return fill_rows(scales.new_empty(weight.shape), block)
