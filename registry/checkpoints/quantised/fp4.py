"""Matrices of 4-bit floats (e2m1), two a byte, the low half first, in blocks of inputs that share a scale.

NVFP4: blocks of 16 with a scale in e4m3, which another for the whole tensor divides (compressed-tensors) or multiplies
(modelopt). MXFP4 as compressed-tensors packs it: blocks of 32 with a power of two (E8M0). Computed in float32 and
rounded to bfloat16, as compressed-tensors does.
"""

from functools import partial

import torch

from registry.checkpoints.entry import Entry
from registry.checkpoints.quantised.bits import E2M1, fill_rows, unpack
from registry.checkpoints.quantised.group import Group

SCALE, DIVISOR, FACTOR = ".weight_scale", ".weight_global_scale", ".weight_scale_2"


def fp4(name: str, size: int, weights: str, group: Group) -> Entry:
    """`weights`: outputs x inputs / 2. weight_scale: outputs x inputs / `size`. The tensor's own scale: one number.

    Raises BrokenQuantisation.
    """
    outputs, octets = group.shape(weights, 2)
    group.need(group.shape(SCALE, 2) == (outputs, octets * 2 // size), "'weight_scale' has the wrong size")
    group.need(octets * 2 % size == 0, f"its {octets * 2} inputs are no whole blocks of {size}")
    for part in (DIVISOR, FACTOR):
        group.need(part not in group.parts or group.parts[part].count == 1, f"{part[1:]!r} is not one number")
    return group.entry((outputs, octets * 2), torch.bfloat16, name, partial(load_fp4, group, weights, size))


def load_fp4(group: Group, weights: str, size: int) -> torch.Tensor:
    """Outputs x inputs."""
    scales, packed = block_scales(group).unsqueeze(-1), group.read(weights)
    inputs = packed.shape[1] * 2

    def block(rows: slice) -> torch.Tensor:
        numbers = E2M1[unpack(packed[rows], 4, inputs).int()].unflatten(1, (-1, size))
        products: torch.Tensor = numbers * scales[rows]
        return products.flatten(1)

    return fill_rows(torch.empty(packed.shape[0], inputs, dtype=torch.bfloat16), block)


def block_scales(group: Group) -> torch.Tensor:
    """Outputs x blocks, float32; 0 for a block of zeros."""
    if DIVISOR in group.parts:
        return group.scales(SCALE, zero=True) / group.scales(DIVISOR).reshape(1, 1)
    if FACTOR in group.parts:
        return group.scales(SCALE, zero=True) * group.scales(FACTOR).reshape(1, 1)
    exponents = group.read(SCALE)
    group.need(not (exponents == 255).any(), "'weight_scale' holds NaN")  # noqa: PLR2004  # E8M0's one NaN
    return exponents.view(torch.float8_e8m0fnu).float()
