"""HQQ: unsigned numbers of a few bits in words, w = (q - zero) scale in the type of the scales.

A matrix is laid out as a table, a group of weights to a row (axis 1) or column (axis 0), and zero and scale go with it
by broadcasting. The table is cut into runs of rows as many as a word holds numbers; a word holds one number of each
run, that of the first in its highest bits. hqq and transformers write it alike; every setting is a tensor of its own,
of which the shape alone is needed.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from registry.checkpoints.dtypes import I32, U8
from registry.checkpoints.quantised.bits import fill_rows
from registry.checkpoints.quantised.group import PLAIN, Group
from registry.checkpoints.tensors import Entry

if TYPE_CHECKING:
    from torch import Tensor

WORDS = {1: U8, 4: I32}  # by their bytes
SETTINGS = (
    ".nbits", ".axis", ".group_size", ".packing", ".compute_dtype", ".quant_scale", ".quant_zero", ".view_as_float",
    ".unpack_view_dtype", ".offload_meta", ".encoded_state_dict", ".stores_quant_config", ".channel_wise", ".optimize",
    ".round_zero",
)  # fmt: skip


@dataclass(frozen=True)
class Packing:
    """How many bits a number has, how many of them a word holds, and the word's bytes."""

    bits: int
    numbers: int
    width: int


PACKINGS = (
    Packing(8, 1, 1),
    Packing(4, 2, 1),
    Packing(2, 4, 1),
    Packing(1, 8, 1),
    Packing(3, 10, 4),
)


def hqq(group: Group) -> Entry:
    """W_q: words, as whole numbers or as floats of the same bytes. scale, zero: a number for each group.

    Raises BrokenQuantisation.
    """
    words, shape = group.parts[".W_q"], matrix_shape(group)
    rows, _ = group.shape(".W_q", 2)
    octets = words.nbytes // rows  # of a row of words
    count = math.prod(shape)
    fitting = [packing for packing in PACKINGS if holds(words, packing, octets, count)]
    group.need(bool(fitting), f"its words of {list(words.shape)} do not hold {count:,} numbers")
    tables = {
        packing: (count * packing.width // octets, octets // packing.width) for packing in fitting
    }
    packing = next((each for each in fitting if not misfit(group, tables[each])), fitting[0])
    table = tables[packing]
    wrong = misfit(group, table)
    group.need(not wrong, f"{wrong} does not go with a table of {list(table)}")
    load = partial(load_hqq, group, packing, table, shape)
    return group.entry(shape, group.dtype(".scale"), f"hqq {packing.bits}-bit", load)


def misfit(group: Group, table: tuple[int, int]) -> str:
    """What does not go with a table: words that are kept as floats may be of several packings, which scales tell."""
    owns = {part: group.parts[part].shape for part in (".scale", ".zero")}
    wrong = [
        p
        for p, own in owns.items()
        if math.prod(own) != 1 and own not in ((table[0], 1), (1, table[1]))
    ]
    return f"{wrong[0][1:]!r} of {list(owns[wrong[0]])}" if wrong else ""


def matrix_shape(group: Group) -> tuple[int, int]:
    """Outputs and inputs."""
    group.need(group.parts[".shape"].count == 2, "'shape' is not two numbers")  # noqa: PLR2004  # a matrix
    outputs, inputs = group.read(".shape").flatten().tolist()
    group.need(outputs > 0 and inputs > 0, f"its shape is {[outputs, inputs]}")
    return outputs, inputs


def holds(words: Entry, packing: Packing, octets: int, count: int) -> bool:
    """Whether words with so many bytes a row are what this packing makes of `count` numbers."""
    columns, left = divmod(octets, packing.width)
    if left or not (words.dtype == WORDS[packing.width] or words.dtype in PLAIN):
        return False
    return count % columns == 0 and words.shape[0] == math.ceil(count / columns / packing.numbers)


def spread(group: Group, part: str, table: tuple[int, int]) -> "Tensor":
    """A number for each weight of the table, held once for each group."""
    numbers = group.scales(part, zero=part == ".zero").to(group.dtype(".scale").torch)
    return (numbers.reshape(1, 1) if numbers.numel() == 1 else numbers).expand(table)


def load_hqq(
    group: Group, packing: Packing, table: tuple[int, int], shape: tuple[int, int]
) -> "Tensor":
    """Outputs x inputs."""
    scales, zeros = spread(group, ".scale", table), spread(group, ".zero", table)
    words = group.read(".W_q").contiguous().view(WORDS[packing.width].torch)
    matrix = scales.new_empty(table)
    for number in range(packing.numbers):
        run = slice(number * len(words), (number + 1) * len(words))
        shift = packing.bits * (packing.numbers - 1 - number)
        unpack_run(matrix[run], words, shift, packing.bits, zeros[run], scales[run])
    return matrix.view(shape)


def unpack_run(
    matrix: "Tensor", words: "Tensor", shift: int, bits: int, zeros: "Tensor", scales: "Tensor"
) -> None:
    """Set one run of rows, of which the last may be shorter, from the bits that lie at `shift` in each word."""
    words, mask = words[: len(matrix)], (1 << bits) - 1
    fill_rows(matrix, lambda rows: ((words[rows] >> shift & mask) - zeros[rows]) * scales[rows])
