"""compressed-tensors' pack-quantized: signed integers of a few bits, row by row in 32-bit words.

w = (q - z) s in the type of the scales. Stored is q + 2^(bits - 1), so that it is unsigned; zero points likewise,
packed along the outputs.
"""

import math
from functools import partial
from typing import TYPE_CHECKING

from registry.checkpoints.dtypes import I16
from registry.checkpoints.quantised.bits import fill_rows, unpack
from registry.checkpoints.quantised.group import Group
from registry.checkpoints.tensors import Entry

if TYPE_CHECKING:
    from torch import Tensor

MOST_BITS = 8


def packed(group: Group) -> Entry:
    """weight_packed: outputs x words. weight_scale: outputs (or 1) x groups. weight_shape: two numbers."""
    rows, width = group.shape(".weight_packed", 2)
    scales = group.parts[".weight_scale"].shape
    group.need(group.parts[".weight_shape"].count == 2, "'weight_shape' is not two numbers")  # noqa: PLR2004  # a matrix
    outputs, inputs = group.read(".weight_shape").flatten().tolist()
    group.need(outputs == rows, f"'weight_shape' says {outputs} rows, there are {rows}")
    bits = word_bits(group, inputs, width)
    table = len(scales) == 2 and scales[0] in (1, outputs) and scales[1] > 0  # noqa: PLR2004  # rows and columns
    group.need(table or math.prod(scales) == 1, "'weight_scale' does not go with 'weight_shape'")
    groups = scales[-1] if scales else 1
    group.group_size(inputs, groups)
    if ".weight_zero_point" in group.parts:
        zeros = group.shape(".weight_zero_point", 2)
        group.need(
            zeros == (math.ceil(outputs * bits / 32), groups),
            "'weight_zero_point' has the wrong size",
        )
    load = partial(load_packed, group, bits, (outputs, inputs))
    return group.entry(
        (outputs, inputs), group.dtype(".weight_scale"), f"compressed-tensors int{bits}", load
    )


def word_bits(group: Group, inputs: int, width: int) -> int:
    """Bits of a number: as many as fill the words; of several that would, the one that the config names."""
    fitting = [
        bits
        for bits in range(1, MOST_BITS + 1)
        if inputs > 0 and math.ceil(inputs * bits / 32) == width
    ]
    told = [bits for bits in fitting if bits in group.told("num_bits")]
    group.need(bool(told) or len(fitting) == 1, f"{width} words a row do not hold {inputs} numbers")
    return (told or fitting)[0]


def load_packed(group: Group, bits: int, shape: tuple[int, int]) -> "Tensor":
    """Outputs x inputs."""
    outputs, inputs = shape
    scales = group.scales(".weight_scale")
    scales = scales.reshape(-1, scales.shape[-1] if scales.ndim else 1).expand(outputs, -1)
    index = group.group_index(inputs, scales.shape[1], ".weight_g_idx")
    words = group.read(".weight_packed")
    zeros = words.new_full((1, 1), 1 << (bits - 1), dtype=I16.torch).expand(scales.shape)
    if ".weight_zero_point" in group.parts:
        zeros = unpack(group.read(".weight_zero_point").T, bits, outputs).T

    def block(rows: slice) -> "Tensor":
        return (unpack(words[rows], bits, inputs) - zeros[rows][:, index]) * scales[rows][:, index]

    return fill_rows(scales.new_empty(shape), block)
