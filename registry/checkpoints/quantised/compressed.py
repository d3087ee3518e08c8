"""compressed-tensors' pack-quantized: signed integers of a few bits, row by row in 32-bit words.

w = (q - z) s in the type of the scales. Stored is q + 2^(bits - 1), so that it is unsigned; the
same is added to the zero points, which are packed along the outputs.
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
WORD_BITS = 32


def packed(group: Group) -> Entry:
    """Return the entry of a packed weight.

    weight_packed is outputs x words, weight_scale outputs (or 1) x groups, weight_shape two
    numbers, which are read.

    Raises:
        BrokenQuantisation: Where the parts do not fit each other.
    """
    rows, width = group.shape(".weight_packed", 2)
    outputs, inputs = stated_shape(group)
    group.need(outputs == rows, f"'weight_shape' says {outputs} rows, there are {rows}")
    bits = bits_of(group, inputs, width)
    groups = groups_of(group, outputs)
    group.group_size(inputs, groups)

    if ".weight_zero_point" in group.parts:
        zeros = group.shape(".weight_zero_point", 2)
        zero_words = math.ceil(outputs * bits / WORD_BITS)
        group.need(zeros == (zero_words, groups), "'weight_zero_point' has the wrong size")

    dtype = group.dtype(".weight_scale")
    load = partial(load_packed, group, bits, (outputs, inputs))
    return group.entry((outputs, inputs), dtype, f"compressed-tensors int{bits}", load)


def stated_shape(group: Group) -> tuple[int, int]:
    """Read how many outputs and inputs the weight has.

    Raises:
        BrokenQuantisation: Where these are not two numbers.
    """
    is_pair = group.parts[".weight_shape"].count == 2  # noqa: PLR2004  # a matrix
    group.need(is_pair, "'weight_shape' is not two numbers")
    outputs, inputs = group.read(".weight_shape").flatten().tolist()
    return outputs, inputs


def groups_of(group: Group, outputs: int) -> int:
    """Return how many groups of inputs have a scale of their own.

    Raises:
        BrokenQuantisation: Where there is neither one scale nor a row of them for every output.
    """
    scales = group.parts[".weight_scale"].shape
    has_rows = len(scales) == 2 and scales[0] in (1, outputs)  # noqa: PLR2004  # rows and columns
    fits = math.prod(scales) == 1 or (has_rows and scales[1] > 0)
    group.need(fits, "'weight_scale' does not go with 'weight_shape'")
    return scales[-1] if scales else 1


def bits_of(group: Group, inputs: int, width: int) -> int:
    """Return the bits of a number: as many as fill the words of a row.

    Of several that would, it is the one that the config states.

    Raises:
        BrokenQuantisation: Where none would, or the config does not choose.
    """
    possible = range(1, MOST_BITS + 1) if inputs > 0 else ()
    fitting = [bits for bits in possible if math.ceil(inputs * bits / WORD_BITS) == width]
    stated = [bits for bits in fitting if bits in group.stated("num_bits")]
    is_clear = bool(stated) or len(fitting) == 1
    group.need(is_clear, f"{width} words a row do not hold {inputs} numbers")
    return (stated or fitting)[0]


def load_packed(group: Group, bits: int, shape: tuple[int, int]) -> "Tensor":
    """Read the weight, outputs x inputs."""
    outputs, inputs = shape
    scales = group.scales(".weight_scale")
    groups = scales.shape[-1] if scales.ndim else 1
    scales = scales.reshape(-1, groups).expand(outputs, -1)
    index = group.group_index(inputs, groups, ".weight_g_idx")
    words = group.read(".weight_packed")
    if ".weight_zero_point" in group.parts:
        zeros = unpack(group.read(".weight_zero_point").T, bits, outputs).T
    else:
        zeros = words.new_full((1, 1), 1 << (bits - 1), dtype=I16.torch).expand(scales.shape)

    def block(rows: slice) -> "Tensor":
        numbers = unpack(words[rows], bits, inputs) - zeros[rows][:, index]
        return numbers * scales[rows][:, index]

    return fill_rows(scales.new_empty(shape), block)
