"""bitsandbytes: int8 with a scale for each row, and the 4-bit code books nf4 and fp4 with a scale for each block.

Both are computed in float32; nf4 and fp4 are then rounded to the type that the model had, as the library does.
"""

import json
import math
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
DTYPES = {dtype.name: dtype for dtype in (F32, F16, BF16)}
BLOCK_SIZES = (32, 64, 128, 256, 512, 1024, 2048, 4096)


def int8(group: Group) -> Entry:
    """weight: outputs x inputs. SCB: the largest magnitude of each row, which stands for 127; 0 for a row of zeros."""
    outputs, inputs = group.shape(".weight", 2)
    group.need(
        math.prod(group.parts[".SCB"].shape) == outputs,
        "'SCB' does not have one number for each row",
    )
    return group.entry((outputs, inputs), F32, "bitsandbytes int8", partial(load_int8, group))


def load_int8(group: Group) -> "Tensor":
    """Outputs x inputs, float32."""
    if ".weight_format" in group.parts:
        layout = group.read(".weight_format")
        group.need(
            not layout.any(),
            f"'weight_format' is {layout.flatten()[:1].tolist()}, only 0 (by rows) is known",
        )
    scales = group.scales(".SCB", zero=True).float().reshape(-1, 1)
    weight = group.read(".weight")
    matrix = scales.new_empty(weight.shape)
    return fill_rows(
        matrix, lambda rows: weight[rows] * scales[rows] * (1 / 127)
    )  # rounded twice, as the library


@dataclass(frozen=True)
class State:
    """What the JSON beside a 4-bit weight says.

    outer: how many scales share a scale, where they are quantised in their turn. offset: was taken off them before.
    """

    shape: tuple[int, ...]
    block: int
    dtype: DType
    outer: int
    offset: float


def four_bits(kind: str, group: Group) -> Entry:
    """weight: two numbers a byte, the high half first, row-major; the JSON tells the shape.

    Raises BrokenQuantisation.
    """
    state = read_state(group, STATE + kind)
    count = math.prod(state.shape)
    group.need(
        group.parts[".weight"].nbytes == (count + 1) // 2,
        f"its bytes do not make up {list(state.shape)}",
    )
    blocks = math.ceil(count / state.block)
    sizes = {".weight.absmax": blocks, ".weight.quant_map": 16}
    if nested(group):
        sizes |= {
            ".weight.nested_absmax": math.ceil(blocks / state.outer),
            ".weight.nested_quant_map": 256,
        }
    for part, size in sizes.items():
        group.need(part in group.parts, f"{part[1:]!r} is missing")
        group.need(group.parts[part].count == size, f"{part[1:]!r} has not {size} numbers")
    return group.entry(
        state.shape, state.dtype, f"bitsandbytes {kind}", partial(load_four_bits, group, state)
    )


def nested(group: Group) -> bool:
    """Whether the scales of the blocks are quantised in their turn."""
    return group.parts[".weight.absmax"].dtype == U8


def read_state(group: Group, part: str) -> State:
    """The JSON, checked."""
    group.need(group.parts[part].nbytes <= STATE_LIMIT, "its quant_state is too long")
    try:
        told = json.loads(bytes(group.read(part).flatten().tolist()))
    except (ValueError, RecursionError):
        told = None
    group.need(isinstance(told, dict), "its quant_state is not a JSON object")
    return State(
        shape=checked_shape(group, told.get("shape")),
        block=one_of(group, told, "blocksize", {size: size for size in BLOCK_SIZES}),
        dtype=one_of(group, told, "dtype", DTYPES),
        outer=one_of(
            group, {"nested_blocksize": 256} | told, "nested_blocksize", {n: n for n in BLOCK_SIZES}
        ),
        offset=checked_number(group, told.get("nested_offset", 0.0)),
    )


def checked_shape(group: Group, shape: Any) -> tuple[int, ...]:
    """A shape out of JSON: some positive whole numbers."""
    sound = (
        isinstance(shape, list)
        and bool(shape)
        and all(type(n) is int and 0 < n < 1 << 40 for n in shape)
    )
    group.need(sound, f"its quant_state has the shape {str(shape)[:40]}")
    return tuple(shape)


def checked_number(group: Group, number: Any) -> float:
    """A finite number out of JSON."""
    group.need(type(number) is float and math.isfinite(number), "its nested_offset is no number")
    return float(number)


def one_of(group: Group, told: dict[str, Any], key: str, known: dict[Any, Any]) -> Any:
    """A value out of JSON that must be a known one."""
    value = told.get(key)
    group.need(isinstance(value, int | str) and value in known, f"its {key} is {str(value)[:40]}")
    return known[value]


def load_four_bits(group: Group, state: State) -> "Tensor":
    """A tensor of the state's shape and type."""
    import torch  # noqa: PLC0415  # only whoever reads waits for it

    scales = block_scales(group, state).unsqueeze(1)
    codes = group.scales(".weight.quant_map", zero=True).float().flatten()
    octets = group.read(".weight").contiguous().flatten().view(U8.torch)
    half = state.block // 2  # bytes of a block

    def block(rows: slice) -> "Tensor":
        own = octets[rows.start * half : rows.stop * half]
        short = min(rows.stop, len(scales)) - rows.start
        own = torch.nn.functional.pad(
            own, (0, short * half - len(own))
        )  # the last block may not be full
        halves = torch.stack((own >> 4, own & 15), dim=-1).int()
        return codes[halves].view(-1, state.block) * scales[rows]

    matrix = fill_rows(state.dtype.empty(len(scales), state.block), block)
    return matrix.flatten()[: math.prod(state.shape)].view(state.shape)


def block_scales(group: Group, state: State) -> "Tensor":
    """The largest magnitude of each block; where it is quantised itself, by 256 codes with a scale for each block."""
    if not nested(group):
        return group.scales(".weight.absmax", zero=True).float().flatten()
    codes = group.scales(".weight.nested_quant_map", zero=True).float().flatten()
    outer = group.scales(".weight.nested_absmax", zero=True).float().flatten()
    inner = group.read(".weight.absmax").flatten().int()
    return codes[inner] * outer.repeat_interleave(state.outer)[: len(inner)] + state.offset
