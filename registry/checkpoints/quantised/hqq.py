"""HQQ: unsigned numbers of a few bits in words, w = (q - zero) scale in the type of the scales.

A matrix is laid out as a table, a group of weights to a row (axis 1) or column (axis 0), and zero
and scale go with it by broadcasting. The table is cut into runs of rows as many as a word holds
numbers; a word holds one number of each run, that of the first in its highest bits. hqq and
transformers write it alike; every setting is a tensor of its own, of which the shape alone is
needed.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from registry.checkpoints.dtypes import I32, U8
from registry.checkpoints.quantised.bits import fill_rows
from registry.checkpoints.quantised.group import PLAIN, Group
from registry.checkpoints.tensors import Entry

if TYPE_CHECKING:
    from torch import Tensor

WORDS = {1: U8, 4: I32}  # by their bytes
SETTINGS = (
    ".nbits",
    ".axis",
    ".group_size",
    ".packing",
    ".compute_dtype",
    ".quant_scale",
    ".quant_zero",
    ".view_as_float",
    ".unpack_view_dtype",
    ".offload_meta",
    ".encoded_state_dict",
    ".stores_quant_config",
    ".channel_wise",
    ".optimize",
    ".round_zero",
)


@dataclass(frozen=True)
class Packing:
    """How many bits a number has, how many of them a word holds, and the word's bytes."""

    bits: int
    numbers: int
    width: int


class Table(NamedTuple):
    """The shape of the table that a matrix is laid out as."""

    rows: int
    columns: int


PACKINGS = (
    Packing(bits=8, numbers=1, width=1),
    Packing(bits=4, numbers=2, width=1),
    Packing(bits=2, numbers=4, width=1),
    Packing(bits=1, numbers=8, width=1),
    Packing(bits=3, numbers=10, width=4),
)


def hqq(group: Group) -> Entry:
    """Return the entry of a weight in HQQ's words.

    W_q are the words, as whole numbers or as floats of the same bytes; scale and zero have a number
    for each group. Words that are kept as floats may be of several packings: then the scales'
    shapes tell which.

    Raises:
        BrokenQuantisation: Where the parts do not fit each other.
    """
    words = group.parts[".W_q"]
    shape = matrix_shape(group)
    word_rows, _ = group.shape(".W_q", 2)
    row_bytes = words.nbytes // word_rows
    count = math.prod(shape)

    fitting = [packing for packing in PACKINGS if holds(words, packing, row_bytes, count)]
    group.need(bool(fitting), f"its words of {list(words.shape)} do not hold {count:,} numbers")

    packing, table = fitting[0], table_of(fitting[0], row_bytes, count)
    for candidate in fitting:
        candidate_table = table_of(candidate, row_bytes, count)
        if not misfit(group, candidate_table):
            packing, table = candidate, candidate_table
            break

    reason = misfit(group, table)
    group.need(not reason, f"{reason} does not go with a table of {list(table)}")

    load = partial(load_hqq, group, packing, table, shape)
    return group.entry(shape, group.dtype(".scale"), f"hqq {packing.bits}-bit", load)


def table_of(packing: Packing, row_bytes: int, count: int) -> Table:
    """Return the table that words of so many bytes a row make up."""
    return Table(rows=count * packing.width // row_bytes, columns=row_bytes // packing.width)


def misfit(group: Group, table: Table) -> str:
    """Return the part that does not go with a table, with its shape; empty where both do."""
    for part in (".scale", ".zero"):
        shape = group.parts[part].shape
        fits = math.prod(shape) == 1 or shape in ((table.rows, 1), (1, table.columns))
        if not fits:
            return f"{part[1:]!r} of {list(shape)}"
    return ""


def matrix_shape(group: Group) -> tuple[int, int]:
    """Read the outputs and inputs.

    Raises:
        BrokenQuantisation: Where they are no two positive numbers.
    """
    is_pair = group.parts[".shape"].count == 2  # noqa: PLR2004  # a matrix
    group.need(is_pair, "'shape' is not two numbers")
    outputs, inputs = group.read(".shape").flatten().tolist()
    group.need(outputs > 0 and inputs > 0, f"its shape is {[outputs, inputs]}")
    return outputs, inputs


def holds(words: Entry, packing: Packing, row_bytes: int, count: int) -> bool:
    """Return whether words with so many bytes a row are what a packing makes of `count` numbers."""
    columns, remainder = divmod(row_bytes, packing.width)
    is_type = words.dtype == WORDS[packing.width] or words.dtype in PLAIN
    if remainder or not is_type or count % columns:
        return False
    return words.shape[0] == math.ceil(count / columns / packing.numbers)


def spread(group: Group, part: str, table: Table) -> "Tensor":
    """Return a number for each weight of the table, held once for each group."""
    numbers = group.scales(part, zero=part == ".zero").to(group.dtype(".scale").torch)
    if numbers.numel() == 1:
        numbers = numbers.reshape(1, 1)
    return numbers.expand(table)


def load_hqq(group: Group, packing: Packing, table: Table, shape: tuple[int, int]) -> "Tensor":
    """Read the weight, outputs x inputs."""
    scales = spread(group, ".scale", table)
    zeros = spread(group, ".zero", table)
    words = group.read(".W_q").contiguous().view(WORDS[packing.width].torch)
    mask = (1 << packing.bits) - 1
    matrix = scales.new_empty(table)

    def fill_run(number: int) -> None:
        run = slice(number * len(words), (number + 1) * len(words))
        run_rows, run_zeros, run_scales = matrix[run], zeros[run], scales[run]
        run_words = words[: len(run_rows)]  # the last run may be shorter
        shift = packing.bits * (packing.numbers - 1 - number)

        def block(rows: slice) -> "Tensor":
            numbers = run_words[rows] >> shift & mask
            return (numbers - run_zeros[rows]) * run_scales[rows]

        fill_rows(run_rows, block)

    for number in range(packing.numbers):
        fill_run(number)
    return matrix.view(shape)
