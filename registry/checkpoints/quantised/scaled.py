"""Numbers that torch itself knows (fp8, int8) beside scales: one for the tensor, for each row, group or block.

w = (q - z) s in the type of the scales. This is DeepSeek's fp8 (weight_scale_inv multiplies, its name notwithstanding),
transformers' fine-grained fp8, and compressed-tensors' float-quantized, int-quantized and naive-quantized.
"""

import math
from functools import partial
from typing import TYPE_CHECKING

from registry.checkpoints.dtypes import F8_E4M3, F8_E5M2, I8
from registry.checkpoints.quantised.bits import fill_rows, numbered
from registry.checkpoints.quantised.group import Group
from registry.checkpoints.tensors import Entry

if TYPE_CHECKING:
    from torch import Tensor

KINDS = {I8: "int8", F8_E4M3: "fp8 e4m3", F8_E5M2: "fp8 e5m2"}
ZERO = ".weight_zero_point"
BLOCK_SIZE = 128  # where the config is silent and the shapes leave it open


def scaled(part: str, table: str, group: Group) -> Entry:
    """`part`: the numbers, of any shape. `table`: their scales, one or as many as cover them evenly.

    Raises BrokenQuantisation.
    """
    weight = group.parts[part]
    group.need(
        len(weight.shape) > 1 and 0 not in weight.shape, f"its shape is {list(weight.shape)}"
    )
    shape = table_shape(group.parts[table].shape, weight.shape)
    misfit = (
        f"{table[1:]!r} of {list(group.parts[table].shape)} does not cover {list(weight.shape)}"
    )
    group.need(len(shape) == len(weight.shape), misfit)
    sizes = [
        block_size(group, n, m, axis)
        for axis, (n, m) in enumerate(zip(weight.shape, shape, strict=True))
    ]
    group.need(0 not in sizes, misfit)
    if ZERO in group.parts:
        group.need(
            group.parts[ZERO].count == math.prod(shape),
            "'weight_zero_point' does not go with its scales",
        )
    load = partial(load_scaled, group, part, table, shape, sizes)
    return group.entry(weight.shape, group.dtype(table), KINDS[weight.dtype], load)


def table_shape(scales: tuple[int, ...], weight: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a table of scales with as many dimensions as the weight: one scale and one a row may have fewer."""
    if math.prod(scales) == 1:
        return (1,) * len(weight)
    return (*scales, *(1,) * (len(weight) - 1)) if scales == weight[:1] else scales


def block_size(group: Group, count: int, scales: int, axis: int) -> int:
    """Elements along one axis that share one of `scales` scales; 0 where they cannot."""
    told = [*group.told("weight_block_size"), *group.told("block_structure")]
    named = [size[axis] for size in told if isinstance(size, list) and len(size) > axis]
    exact = [count // scales] if scales and count % scales == 0 else []
    for size in (*named, *exact, BLOCK_SIZE):
        if type(size) is int and size > 0 and math.ceil(count / size) == scales:
            return size
    return 0


def load_scaled(
    group: Group, part: str, table: str, shape: tuple[int, ...], sizes: list[int]
) -> "Tensor":
    """A tensor of the weight's shape."""
    scales = group.scales(table).reshape(shape)
    zeros = group.read(ZERO).to(scales.dtype).reshape(shape) if ZERO in group.parts else None
    weight = group.read(part)
    index = [numbered(n, size) for n, size in zip(weight.shape, sizes, strict=True)]

    def spread(numbers: "Tensor", rows: slice) -> "Tensor":
        numbers = numbers[index[0][rows]]
        for axis in range(1, len(index)):
            numbers = numbers.index_select(axis, index[axis])
        return numbers

    def block(rows: slice) -> "Tensor":
        numbers = weight[rows].to(scales.dtype)
        return (numbers if zeros is None else numbers - spread(zeros, rows)) * spread(scales, rows)

    return fill_rows(scales.new_empty(weight.shape), block)
