"""Matrices of 4-bit floats (e2m1), two a byte, the low half first, in blocks of inputs that share a scale.

NVFP4: blocks of 16 with a scale in e4m3, which another for the whole tensor divides (compressed-tensors) or multiplies
(modelopt). MXFP4 as compressed-tensors packs it: blocks of 32 with a power of two (E8M0). Computed in float32 and
rounded to bfloat16, as compressed-tensors does.
"""

from functools import partial
from typing import TYPE_CHECKING

from registry.checkpoints.dtypes import BF16, F8_E8M0, F32
from registry.checkpoints.quantised.bits import E2M1, fill_rows, unpack
from registry.checkpoints.quantised.group import Group
from registry.checkpoints.tensors import Entry

if TYPE_CHECKING:
    from torch import Tensor

SCALE, DIVISOR, FACTOR = ".weight_scale", ".weight_global_scale", ".weight_scale_2"


def fp4(name: str, size: int, weights: str, group: Group) -> Entry:
    """`weights`: outputs x inputs / 2. weight_scale: outputs x inputs / `size`. The tensor's own scale: one number.

    Raises BrokenQuantisation.
    """
    outputs, octets = group.shape(weights, 2)
    group.need(
        group.shape(SCALE, 2) == (outputs, octets * 2 // size), "'weight_scale' has the wrong size"
    )
    group.need(octets * 2 % size == 0, f"its {octets * 2} inputs are no whole blocks of {size}")
    for part in (DIVISOR, FACTOR):
        group.need(
            part not in group.parts or group.parts[part].count == 1,
            f"{part[1:]!r} is not one number",
        )
    return group.entry((outputs, octets * 2), BF16, name, partial(load_fp4, group, weights, size))


def load_fp4(group: Group, weights: str, size: int) -> "Tensor":
    """Outputs x inputs."""
    scales, packed = block_scales(group).unsqueeze(-1), group.read(weights)
    inputs, values = packed.shape[1] * 2, scales.new_tensor(E2M1, dtype=F32.torch)

    def block(rows: slice) -> "Tensor":
        numbers = values[unpack(packed[rows], 4, inputs).int()].unflatten(1, (-1, size))
        products: Tensor = numbers * scales[rows]
        return products.flatten(1)

    return fill_rows(BF16.empty(packed.shape[0], inputs), block)


def block_scales(group: Group) -> "Tensor":
    """Outputs x blocks, float32; 0 for a block of zeros."""
    if DIVISOR in group.parts:
        return group.scales(SCALE, zero=True) / group.scales(DIVISOR).reshape(1, 1)
    if FACTOR in group.parts:
        return group.scales(SCALE, zero=True) * group.scales(FACTOR).reshape(1, 1)
    exponents = group.read(SCALE)
    group.need(not (exponents == 255).any(), "'weight_scale' holds NaN")  # noqa: PLR2004  # E8M0's one NaN
    return exponents.view(F8_E8M0.torch).float()
