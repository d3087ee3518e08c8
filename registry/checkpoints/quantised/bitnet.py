"""BitNet b1.58 as transformers packs it: ternary weights, four rows of outputs in a byte.

Row i of the packed matrix holds, lowest bits first, the rows i, i + r, i + 2 r and i + 3 r of the
weight, where r is the number of packed rows; 0, 1, 2 stand for -1, 0, 1. The weight is the ternary
matrix over weight_scale in the class BitLinear, whose scale is the reciprocal of the mean
magnitude, and times it in AutoBitLinear (transformers, integrations/bitnet.py).
"""

import math
from functools import partial
from typing import TYPE_CHECKING

from registry.checkpoints.quantised.group import Group
from registry.checkpoints.tensors import Entry

if TYPE_CHECKING:
    from torch import Tensor

IN_A_BYTE = 4
UNUSED_CODE = 3  # of the two bits
MULTIPLIES = "autobitlinear"


def bitnet(group: Group) -> Entry:
    """Return the entry of a ternary weight.

    weight is outputs / 4 x inputs, weight_scale one number.

    Raises:
        BrokenQuantisation: Where the parts do not fit each other.
    """
    rows, inputs = group.shape(".weight", 2)
    is_one = math.prod(group.parts[".weight_scale"].shape) == 1
    group.need(is_one, "'weight_scale' is not one number")
    dtype = group.dtype(".weight_scale")
    return group.entry((IN_A_BYTE * rows, inputs), dtype, "bitnet", partial(load_bitnet, group))


def load_bitnet(group: Group) -> "Tensor":
    """Read the weight, outputs x inputs."""
    import torch  # noqa: PLC0415  # only whoever reads waits for it

    packed = group.read(".weight")
    scale = group.scales(".weight_scale").reshape(())
    if MULTIPLIES not in group.stated("linear_class"):
        scale = 1 / scale
    weight = torch.empty(IN_A_BYTE * packed.shape[0], packed.shape[1], dtype=scale.dtype)
    for place, rows in enumerate(weight.chunk(IN_A_BYTE)):
        codes = (packed >> (2 * place)) & UNUSED_CODE
        group.need(not (codes == UNUSED_CODE).any(), "its bytes hold more than three values")
        rows.copy_((codes.to(scale.dtype) - 1) * scale)
    return weight
