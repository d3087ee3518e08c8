"""GPTQ and AWQ: small integers in 32-bit words, a zero point and a scale for each group of inputs and each output.

w = (q - z) s, computed in the type of the scales as the reference kernels do. GPTQ packs a column of inputs into a
column of words, AWQ a row of outputs into a row of words. Shapes tell the bits; the config tells GPTQ's version.
"""

from functools import partial
from typing import TYPE_CHECKING

from registry.checkpoints.quantised.bits import fill_rows, unpack
from registry.checkpoints.quantised.group import Group
from registry.checkpoints.tensors import Entry

if TYPE_CHECKING:
    from torch import Tensor

GPTQ_BITS = (2, 3, 4, 8)
# Version 1 stores the zero point less one.
ZERO_OFFSET = {"gptq": 1, "gptq_v2": 0, "auto_round:auto_gptq": 1}
AWQ_ORDER = [0, 4, 1, 5, 2, 6, 3, 7]  # the place in its word of each of eight neighbouring outputs


def words(group: Group) -> Entry:
    """GPTQ or AWQ, whichever the shapes say. Raises BrokenQuantisation."""
    packed, scales = group.shape(".qweight", 2), group.shape(".scales", 2)
    return awq(group) if packed[1] * 8 == scales[1] else gptq(group)


def gptq(group: Group) -> Entry:
    """qweight: words x outputs. qzeros: groups x words. scales: groups x outputs. g_idx: the group of each input."""
    rows, outputs = group.shape(".qweight", 2)
    groups, columns = group.shape(".scales", 2)
    zero_rows, zero_words = group.shape(".qzeros", 2)
    bits = 32 * zero_words // outputs
    group.need(bits in GPTQ_BITS, f"its zero points have {bits} bits, known are {GPTQ_BITS}")
    fits = (
        columns == outputs
        and zero_rows == groups
        and 32 * zero_words == bits * outputs
        and 32 * rows % bits == 0
    )
    group.need(fits, "the shapes of its parts do not fit each other")
    told = [
        group.settings.get(key) for key in ("checkpoint_format", "packing_format", "quant_method")
    ]
    version = str(next(filter(None, told), "gptq"))
    group.need(version in ZERO_OFFSET, f"its layout is called {version[:40]!r}")
    inputs = 32 * rows // bits
    load = partial(load_gptq, group, bits, inputs, ZERO_OFFSET[version])
    return group.entry((outputs, inputs), group.dtype(".scales"), f"gptq {bits}-bit", load)


def load_gptq(group: Group, bits: int, inputs: int, offset: int) -> "Tensor":
    """Outputs x inputs."""
    scales = group.scales(".scales").T  # outputs x groups
    outputs, groups = scales.shape
    index = group.group_index(inputs, groups, ".g_idx")
    zeros = ((unpack(group.read(".qzeros"), bits, outputs) + offset) & ((1 << bits) - 1)).T
    packed = group.read(".qweight").T

    def block(rows: slice) -> "Tensor":
        return (unpack(packed[rows], bits, inputs) - zeros[rows][:, index]) * scales[rows][:, index]

    return fill_rows(scales.new_empty(outputs, inputs), block)


def awq(group: Group) -> Entry:
    """qweight: inputs x words. qzeros: groups x words. scales: groups x outputs. Always 4 bits, in AWQ_ORDER."""
    inputs, width = group.shape(".qweight", 2)
    groups, outputs = group.shape(".scales", 2)
    group.need(
        group.shape(".qzeros", 2) == (groups, width),
        "the shapes of its parts do not fit each other",
    )
    group.group_size(inputs, groups)
    return group.entry(
        (outputs, inputs), group.dtype(".scales"), "awq 4-bit", partial(load_awq, group, inputs)
    )


def load_awq(group: Group, inputs: int) -> "Tensor":
    """Outputs x inputs."""
    scales, packed = group.scales(".scales"), group.read(".qweight")
    groups, outputs = scales.shape
    index = group.group_index(inputs, groups, ".g_idx")
    zeros = in_order(group.read(".qzeros"))
    matrix = scales.new_empty(outputs, inputs)
    fill_rows(
        matrix.T, lambda rows: (in_order(packed[rows]) - zeros[index[rows]]) * scales[index[rows]]
    )
    return matrix


def in_order(packed: "Tensor") -> "Tensor":
    """Rows of 4-bit numbers, each word's eight in the order of the outputs."""
    numbers = unpack(packed, 4, packed.shape[1] * 8)
    return numbers.view(len(numbers), -1, 8)[..., AWQ_ORDER].flatten(1)
