"""MXFP4 as GPT-OSS stores its experts.

32 numbers of 4 bits (e2m1) share one power of two (E8M0).
"""

from functools import partial
from typing import TYPE_CHECKING

from registry.checkpoints.dtypes import BF16, F8_E8M0
from registry.checkpoints.quantised.bits import e2m1, fill_rows, unpack
from registry.checkpoints.quantised.group import Group
from registry.checkpoints.tensors import Entry

if TYPE_CHECKING:
    from torch import Tensor

OCTETS = 16  # bytes of a block of 32
NAN = 255  # E8M0's one NaN


def mxfp4(group: Group) -> Entry:
    """Return the entry of GPT-OSS' experts, experts x inputs x outputs in bfloat16.

    bfloat16 holds the values exactly. This is transformers' own layout of these experts, and that
    of the same model stored plain. _blocks is experts x outputs x blocks x 16, _scales is experts x
    outputs x blocks.

    Raises:
        BrokenQuantisation: Where the parts do not fit each other.
    """
    experts, outputs, blocks, octets = group.shape("_proj_blocks", 4)
    scales = group.shape("_proj_scales", 3)
    fits = octets == OCTETS and scales == (experts, outputs, blocks)
    group.need(fits, "the shapes of its parts do not fit")
    inputs = blocks * 2 * OCTETS
    return group.entry((experts, inputs, outputs), BF16, "mxfp4", partial(load_mxfp4, group))


def load_mxfp4(group: Group) -> "Tensor":
    """Read the experts, experts x inputs x outputs."""
    packed, exponents = group.read("_proj_blocks"), group.read("_proj_scales")
    group.need(not (exponents == NAN).any(), "'_scales' holds NaN")
    experts, outputs, blocks, octets = packed.shape
    tensor = BF16.empty(experts, blocks * 2 * octets, outputs)

    def block(expert: int, rows: slice) -> "Tensor":
        powers = exponents[expert, rows].view(F8_E8M0.torch).float().unsqueeze(-1)
        numbers = e2m1(unpack(packed[expert, rows], 4, 2 * octets))  # outputs x blocks x 32
        return (numbers * powers).flatten(1)

    for expert in range(experts):
        fill_rows(tensor[expert].T, partial(block, expert))
    return tensor
