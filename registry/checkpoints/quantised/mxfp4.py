"""MXFP4 as GPT-OSS stores its experts: 32 numbers of 4 bits (e2m1) share one power of two (E8M0)."""

from functools import partial
from typing import TYPE_CHECKING

from registry.checkpoints.dtypes import BF16, F8_E8M0
from registry.checkpoints.quantised.bits import e2m1, fill_rows, unpack
from registry.checkpoints.quantised.group import Group
from registry.checkpoints.tensors import Entry

if TYPE_CHECKING:
    from torch import Tensor

OCTETS = 16  # bytes of a block of 32


def mxfp4(group: Group) -> Entry:
    """_blocks: experts x outputs x blocks x 16. _scales: experts x outputs x blocks.

    The entry is experts x inputs x outputs in bfloat16, which holds the values exactly: transformers' own layout of
    these experts, and that of the same model stored plain.
    """
    experts, outputs, blocks, octets = group.shape("_proj_blocks", 4)
    scales = group.shape("_proj_scales", 3)
    group.need(
        octets == OCTETS and scales == (experts, outputs, blocks),
        "the shapes of its parts do not fit",
    )
    return group.entry(
        (experts, blocks * 2 * OCTETS, outputs), BF16, "mxfp4", partial(load_mxfp4, group)
    )


def load_mxfp4(group: Group) -> "Tensor":
    """Experts x inputs x outputs."""
    packed, exponents = group.read("_proj_blocks"), group.read("_proj_scales")
    group.need(not (exponents == 255).any(), "'_scales' holds NaN")  # noqa: PLR2004  # E8M0's one NaN
    experts, outputs, blocks, octets = packed.shape
    tensor = BF16.empty(experts, blocks * 2 * octets, outputs)

    def block(expert: int, rows: slice) -> "Tensor":
        powers = exponents[expert, rows].view(F8_E8M0.torch).float().unsqueeze(-1)
        return (e2m1(unpack(packed[expert, rows], 4, 2 * octets)) * powers).flatten(1)

    for expert in range(experts):
        fill_rows(tensor[expert].T, partial(block, expert))
    return tensor
