"""bitsandbytes: int8 with a scale for each row, and the 4-bit code books nf4 and fp4.

The 4-bit ones have a scale for each block (QLoRA, arXiv 2305.14314, section 3). All are computed in
float32; nf4 and fp4 are then rounded to the type that the model had, as the library does.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from registry.checkpoints.dtypes import BF16, F16, F32, U8, DType
from registry.checkpoints.quantised.bits import fill_rows
from registry.checkpoints.quantised.group import Group
from registry.checkpoints.tensors import Entry

if TYPE_CHECKING:
    from torch import Tensor

STATE = ".weight.quant_state.bitsandbytes__"
STATE_LIMIT = 1 << 16  # bytes of JSON; it takes about 200
LARGEST_SIDE = 1 << 40
DTYPES = {dtype.name: dtype for dtype in (F32, F16, BF16)}
BLOCK_SIZES = {size: size for size in (32, 64, 128, 256, 512, 1024, 2048, 4096)}
NESTED_SIZE = 256  # scales that share a scale, where the JSON does not state it
CODES, NESTED_CODES = 16, 256  # numbers in the code books of weights, and of scales


def int8(group: Group) -> Entry:
    """Return the entry of a weight with one scale a row.

    weight is outputs x inputs. SCB is the largest magnitude of each row, which stands for 127; 0
    for a row of zeros.

    Raises:
        BrokenQuantisation: Where the parts do not fit each other.
    """
    outputs, inputs = group.shape(".weight", 2)
    scale_count = math.prod(group.parts[".SCB"].shape)
    group.need(scale_count == outputs, "'SCB' does not have one number for each row")
    return group.entry((outputs, inputs), F32, "bitsandbytes int8", partial(load_int8, group))


def load_int8(group: Group) -> "Tensor":
    """Read the weight, outputs x inputs, float32."""
    if ".weight_format" in group.parts:
        layout = group.read(".weight_format")
        first = layout.flatten()[:1].tolist()
        group.need(not layout.any(), f"'weight_format' is {first}, only 0 (by rows) is known")
    scales = group.scales(".SCB", zero=True).float().reshape(-1, 1)
    weight = group.read(".weight")

    def block(rows: slice) -> "Tensor":
        return weight[rows] * scales[rows] * (1 / 127)  # rounded twice, as the library does

    return fill_rows(scales.new_empty(weight.shape), block)


@dataclass(frozen=True)
class State:
    """What the JSON beside a 4-bit weight states.

    Attributes:
        shape: Shape of the plain tensor.
        block: How many numbers share a scale.
        dtype: Type of the plain tensor.
        outer: How many scales share a scale, where they are quantised in their turn.
        offset: What was subtracted from the scales before that.
    """

    shape: tuple[int, ...]
    block: int
    dtype: DType
    outer: int
    offset: float


def four_bits(kind: str, group: Group) -> Entry:
    """Return the entry of a 4-bit weight: two numbers a byte, the high half first, row-major.

    Args:
        kind: The code book, `nf4` or `fp4`.
        group: The parts; the JSON among them is read, for it states the shape.

    Raises:
        BrokenQuantisation: Where the parts do not fit each other.
    """
    state = read_state(group, STATE + kind)
    count = math.prod(state.shape)
    has_all_bytes = group.parts[".weight"].nbytes == (count + 1) // 2
    group.need(has_all_bytes, f"its bytes do not make up {list(state.shape)}")

    blocks = math.ceil(count / state.block)
    sizes = {".weight.absmax": blocks, ".weight.quant_map": CODES}
    if is_nested(group):
        sizes[".weight.nested_absmax"] = math.ceil(blocks / state.outer)
        sizes[".weight.nested_quant_map"] = NESTED_CODES
    for part, size in sizes.items():
        group.need(part in group.parts, f"{part[1:]!r} is missing")
        group.need(group.parts[part].count == size, f"{part[1:]!r} has not {size} numbers")

    load = partial(load_four_bits, group, state)
    return group.entry(state.shape, state.dtype, f"bitsandbytes {kind}", load)


def is_nested(group: Group) -> bool:
    """Return whether the scales of the blocks are quantised in their turn."""
    return group.parts[".weight.absmax"].dtype == U8


def read_state(group: Group, part: str) -> State:
    """Read and check the JSON.

    Raises:
        BrokenQuantisation: Where it states no such tensor.
    """
    group.need(group.parts[part].nbytes <= STATE_LIMIT, "its quant_state is too long")
    text = bytes(group.read(part).flatten().tolist())
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    group.need(isinstance(content, dict), "its quant_state is not a JSON object")

    content = {"nested_blocksize": NESTED_SIZE, "nested_offset": 0.0} | content
    return State(
        shape=checked_shape(group, content.get("shape")),
        block=one_of(group, content, "blocksize", BLOCK_SIZES),
        dtype=one_of(group, content, "dtype", DTYPES),
        outer=one_of(group, content, "nested_blocksize", BLOCK_SIZES),
        offset=checked_number(group, content["nested_offset"]),
    )


def checked_shape(group: Group, shape: Any) -> tuple[int, ...]:
    """Return a shape out of JSON: some positive whole numbers.

    Raises:
        BrokenQuantisation: Where it is anything else.
    """
    is_list = isinstance(shape, list) and bool(shape)
    is_shape = is_list and all(type(side) is int and 0 < side < LARGEST_SIDE for side in shape)
    group.need(is_shape, f"its quant_state has the shape {str(shape)[:40]}")
    return tuple(shape)


def checked_number(group: Group, number: Any) -> float:
    """Return a finite number out of JSON.

    Raises:
        BrokenQuantisation: Where it is anything else.
    """
    group.need(type(number) is float and math.isfinite(number), "its nested_offset is no number")
    return float(number)


def one_of(group: Group, content: Mapping[str, Any], key: str, known: Mapping[Any, Any]) -> Any:
    """Return what a value out of JSON stands for, which must be a known one.

    Raises:
        BrokenQuantisation: Where it is none.
    """
    value = content.get(key)
    group.need(isinstance(value, int | str) and value in known, f"its {key} is {str(value)[:40]}")
    return known[value]


def load_four_bits(group: Group, state: State) -> "Tensor":
    """Read the weight, of the state's shape and type."""
    import torch  # noqa: PLC0415  # only whoever reads waits for it

    scales = block_scales(group, state).unsqueeze(1)  # blocks x 1
    codes = group.scales(".weight.quant_map", zero=True).float().flatten()
    octets = group.read(".weight").contiguous().flatten().view(U8.torch)
    block_octets = state.block // 2

    def block(rows: slice) -> "Tensor":
        packed = octets[rows.start * block_octets : rows.stop * block_octets]
        blocks = min(rows.stop, len(scales)) - rows.start
        missing = blocks * block_octets - len(packed)  # the last block may not be full
        packed = torch.nn.functional.pad(packed, (0, missing))
        halves = torch.stack((packed >> 4, packed & 15), dim=-1).int()
        return codes[halves].view(-1, state.block) * scales[rows]

    matrix = fill_rows(state.dtype.empty(len(scales), state.block), block)
    return matrix.flatten()[: math.prod(state.shape)].view(state.shape)


def block_scales(group: Group, state: State) -> "Tensor":
    """Read the largest magnitude of each block, float32.

    Where these are quantised themselves, it is by 256 codes with a scale for each run of `outer`.
    """
    if not is_nested(group):
        return group.scales(".weight.absmax", zero=True).float().flatten()
    codes = group.scales(".weight.nested_quant_map", zero=True).float().flatten()
    outer = group.scales(".weight.nested_absmax", zero=True).float().flatten()
    inner = group.read(".weight.absmax").flatten().int()
    outer_of_each = outer.repeat_interleave(state.outer)[: len(inner)]
    return codes[inner] * outer_of_each + state.offset
