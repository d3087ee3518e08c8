"""MLX's affine quantisation: groups of inputs in a stream of bits, w = q s + b, rounded after either step."""

from functools import partial
from typing import TYPE_CHECKING, Any

from registry.checkpoints.quantised.bits import fill_rows, unpack
from registry.checkpoints.quantised.group import Group
from registry.checkpoints.tensors import Entry

if TYPE_CHECKING:
    from torch import Tensor

BITS = (2, 3, 4, 5, 6, 8)


def mlx(group: Group) -> Entry:
    """weight: ... x outputs x words. scales, biases: ... x outputs x groups. The config tells bits and group_size."""
    own = group.settings.get(group.name.removesuffix(".weight"))
    told: dict[str, Any] = {**group.settings, **(own if isinstance(own, dict) else {})}
    bits, size = told.get("bits"), told.get("group_size")
    known = type(bits) is int and bits in BITS and type(size) is int and size > 0
    group.need(
        known and told.get("mode", "affine") == "affine",
        "config.json names no group_size and bits for it",
    )
    weight, scales = group.parts[".weight"].shape, group.parts[".scales"].shape
    fits = (
        len(weight) > 1
        and 0 not in weight
        and len(scales) == len(weight)
        and scales[:-1] == weight[:-1]
    )
    group.need(
        fits and scales == group.parts[".biases"].shape,
        "the shapes of its parts do not fit each other",
    )
    assert isinstance(bits, int) and isinstance(size, int)  # noqa: PT018  # known, for the type checker
    inputs = scales[-1] * size
    group.need(
        32 * weight[-1] == bits * inputs,
        f"{weight[-1]} words do not hold {inputs} numbers of {bits} bits",
    )
    load = partial(load_mlx, group, bits, size)
    return group.entry((*weight[:-1], inputs), group.dtype(".scales"), f"mlx {bits}-bit", load)


def load_mlx(group: Group, bits: int, size: int) -> "Tensor":
    """... x outputs x inputs."""
    scales = group.scales(".scales")
    lead, groups = scales.shape[:-1], scales.shape[-1]
    scales = scales.reshape(-1, groups, 1)
    biases = group.scales(".biases", zero=True).to(scales.dtype).reshape(-1, groups, 1)
    packed = group.read(".weight").flatten(0, -2)

    def block(rows: slice) -> "Tensor":
        numbers = unpack(packed[rows], bits, groups * size).view(-1, groups, size)
        return numbers * scales[rows] + biases[rows]

    matrix = fill_rows(scales.new_empty(packed.shape[0], groups, size), block)
    return matrix.reshape(*lead, groups * size)
