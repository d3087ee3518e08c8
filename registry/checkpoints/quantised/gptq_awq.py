"""GPTQ and AWQ: small integers in 32-bit words.

Each group of inputs has a zero point and a scale for each output: w = (q - z) s, computed in the
type of the scales as the reference kernels do. GPTQ packs a column of inputs into a column of
words, AWQ a row of outputs into a row of words. The number of bits follows from the shapes, GPTQ's
version from the config.
"""

from functools import partial
from typing import TYPE_CHECKING

from registry.checkpoints.quantised.bits import fill_rows, unpack
from registry.checkpoints.quantised.group import Group
from registry.checkpoints.tensors import Entry
from registry.errors import UnknownQuantisation

if TYPE_CHECKING:
    from torch import Tensor

WORD_BITS = 32
GPTQ_BITS = (2, 3, 4, 8)
# Version 1 stores the zero point less one.
ZERO_OFFSET = {"gptq": 1, "gptq_v2": 0, "auto_round:auto_gptq": 1}
VERSION_KEYS = ("checkpoint_format", "packing_format", "quant_method")
AWQ_ORDER = [0, 4, 1, 5, 2, 6, 3, 7]  # the place in its word of each of eight neighbouring outputs
MISFIT = "the shapes of its parts do not fit each other"


def gptq_or_awq(group: Group) -> Entry:
    """Return the entry of a weight in GPTQ or AWQ, whichever the shapes show.

    Raises:
        BrokenQuantisation: Where the parts do not fit each other.
        UnknownQuantisation: Where the config says that the numbers are in Marlin's order.
    """
    if "marlin" in group.stated("checkpoint_format"):
        raise UnknownQuantisation(tensor=group.name, scheme="GPTQ in Marlin's order")
    _, width = group.shape(".qweight", 2)
    _, outputs = group.shape(".scales", 2)
    return awq(group) if width * 8 == outputs else gptq(group)


def gptq(group: Group) -> Entry:
    """Return the entry of a weight in GPTQ.

    qweight is words x outputs, qzeros groups x words, scales groups x outputs; g_idx is the group
    of each input.

    Raises:
        BrokenQuantisation: Where the parts do not fit each other, or the config states an unknown
            version.
    """
    word_rows, outputs = group.shape(".qweight", 2)
    groups, scale_columns = group.shape(".scales", 2)
    zero_rows, zero_words = group.shape(".qzeros", 2)
    bits = WORD_BITS * zero_words // outputs
    group.need(bits in GPTQ_BITS, f"its zero points have {bits} bits, known are {GPTQ_BITS}")
    has_scales = scale_columns == outputs and zero_rows == groups
    has_zeros = WORD_BITS * zero_words == bits * outputs
    inputs, remainder = divmod(WORD_BITS * word_rows, bits)
    group.need(has_scales and has_zeros and remainder == 0, MISFIT)
    version = gptq_version(group)
    group.need(version in ZERO_OFFSET, f"its layout is called {version[:40]!r}")
    load = partial(load_gptq, group, bits, inputs, ZERO_OFFSET[version])
    return group.entry((outputs, inputs), group.dtype(".scales"), f"gptq {bits}-bit", load)


def gptq_version(group: Group) -> str:
    """Return the version of the format that the config states."""
    for key in VERSION_KEYS:
        version = group.settings.get(key)
        if version:
            return str(version)
    return "gptq"


def load_gptq(group: Group, bits: int, inputs: int, offset: int) -> "Tensor":
    """Read the weight, outputs x inputs."""
    scales = group.scales(".scales").T  # outputs x groups
    outputs, groups = scales.shape
    index = group.group_index(inputs, groups, ".g_idx")
    mask = (1 << bits) - 1
    zeros = ((unpack(group.read(".qzeros"), bits, outputs) + offset) & mask).T
    packed = group.read(".qweight").T

    def block(rows: slice) -> "Tensor":
        numbers = unpack(packed[rows], bits, inputs) - zeros[rows][:, index]
        return numbers * scales[rows][:, index]

    return fill_rows(scales.new_empty(outputs, inputs), block)


def awq(group: Group) -> Entry:
    """Return the entry of a weight in AWQ, which always has 4 bits, in AWQ_ORDER.

    qweight is inputs x words, qzeros groups x words, scales groups x outputs.

    Raises:
        BrokenQuantisation: Where the parts do not fit each other.
    """
    inputs, width = group.shape(".qweight", 2)
    groups, outputs = group.shape(".scales", 2)
    group.need(group.shape(".qzeros", 2) == (groups, width), MISFIT)
    group.group_size(inputs, groups)
    load = partial(load_awq, group, inputs)
    return group.entry((outputs, inputs), group.dtype(".scales"), "awq 4-bit", load)


def load_awq(group: Group, inputs: int) -> "Tensor":
    """Read the weight, outputs x inputs."""
    scales, packed = group.scales(".scales"), group.read(".qweight")
    groups, outputs = scales.shape
    index = group.group_index(inputs, groups, ".g_idx")
    zeros = in_order(group.read(".qzeros"))
    matrix = scales.new_empty(outputs, inputs)

    def block(rows: slice) -> "Tensor":
        groups_of_rows = index[rows]
        return (in_order(packed[rows]) - zeros[groups_of_rows]) * scales[groups_of_rows]

    fill_rows(matrix.T, block)
    return matrix


def in_order(packed: "Tensor") -> "Tensor":
    """Return rows of 4-bit numbers, each word's eight in the order of the outputs."""
    numbers = unpack(packed, 4, packed.shape[1] * 8)
    return numbers.view(len(numbers), -1, 8)[..., AWQ_ORDER].flatten(1)
