"""Matrices of 4-bit floats (e2m1), two a byte, the low half first.

Blocks of inputs share a scale. NVFP4: blocks of 16 with a scale in e4m3, which another for the
whole tensor divides (compressed-tensors) or multiplies (modelopt). MXFP4 as compressed-tensors
packs it: blocks of 32 with a power of two (E8M0). Computed in float32 and rounded to bfloat16, as
compressed-tensors does.
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from registry.checkpoints.dtypes import BF16, F8_E8M0, F32, U8
from registry.checkpoints.quantised.bits import E2M1, fill_rows, unpack
from registry.checkpoints.quantised.group import Group
from registry.checkpoints.tensors import Entry
from registry.errors import UnknownQuantisation

if TYPE_CHECKING:
    from torch import Tensor

SCALE, DIVISOR, FACTOR = ".weight_scale", ".weight_global_scale", ".weight_scale_2"
NAN = 255  # E8M0's one NaN
SIX_BITS = (8, 6)  # a byte and a number of MXFP6, which has parts of the same names


@dataclass(frozen=True)
class Fp4Format:
    """A way to store 4-bit floats.

    Attributes:
        name: As reports call it.
        size: Inputs that share a scale.
        weights: The suffix of the part that holds the packed weights.
        scales: The suffix of the blocks' scales.
    """

    name: str
    size: int
    weights: str
    scales: str = SCALE


def fp4(stored_as: Fp4Format, group: Group) -> Entry:
    """Return the entry of a weight in 4-bit floats.

    The weights are outputs x inputs / 2, weight_scale outputs x inputs / size; the whole tensor's
    scale is one number.

    Raises:
        BrokenQuantisation: Where the parts do not fit each other.
    """
    size = stored_as.size
    outputs, octets = group.shape(stored_as.weights, 2)
    inputs = octets * 2
    scales = group.shape(stored_as.scales, 2)
    if (octets * SIX_BITS[0], *scales) == (scales[1] * size * SIX_BITS[1], outputs, scales[1]):
        raise UnknownQuantisation(tensor=group.name, scheme="MXFP6")
    has_scales = scales == (outputs, inputs // size)
    group.need(has_scales, f"{stored_as.scales[1:]!r} has the wrong size")
    group.need(inputs % size == 0, f"its {inputs} inputs are no whole blocks of {size}")
    for part in (DIVISOR, FACTOR):
        is_one = part not in group.parts or group.parts[part].count == 1
        group.need(is_one, f"{part[1:]!r} is not one number")
    load = partial(load_fp4, group, stored_as)
    return group.entry((outputs, inputs), BF16, stored_as.name, load)


def load_fp4(group: Group, stored_as: Fp4Format) -> "Tensor":
    """Read the weight, outputs x inputs."""
    scales = block_scales(group, stored_as.scales).unsqueeze(-1)  # outputs x blocks x 1
    packed = group.read(stored_as.weights).view(U8.torch)
    outputs, octets = packed.shape
    inputs = octets * 2
    values = scales.new_tensor(E2M1, dtype=F32.torch)

    def block(rows: slice) -> "Tensor":
        numbers = unpack(packed[rows], 4, inputs).int()
        in_blocks = values[numbers].unflatten(1, (-1, stored_as.size))
        products: Tensor = in_blocks * scales[rows]
        return products.flatten(1)

    return fill_rows(BF16.empty(outputs, inputs), block)


def block_scales(group: Group, part: str) -> "Tensor":
    """Read the scales, outputs x blocks, float32; 0 for a block of zeros."""
    if DIVISOR in group.parts:
        return group.scales(part, zero=True) / group.scales(DIVISOR).reshape(1, 1)
    if FACTOR in group.parts:
        return group.scales(part, zero=True) * group.scales(FACTOR).reshape(1, 1)
    exponents = group.read(part).view(U8.torch)
    group.need(not (exponents == NAN).any(), f"{part[1:]!r} holds NaN")
    return exponents.view(F8_E8M0.torch).float()
