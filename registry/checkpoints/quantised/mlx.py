"""MLX's affine quantisation: groups of inputs in a stream of bits.

w = q s + b, rounded after either step.
"""

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.checkpoints.quantised.bits import fill_rows, unpack
from registry.checkpoints.quantised.group import Group
from registry.checkpoints.tensors import Entry

if TYPE_CHECKING:
    from torch import Tensor

BITS = (2, 3, 4, 5, 6, 8)


class Affine(NamedTuple):
    """Bits of a number, and how many inputs share a scale."""

    bits: int
    size: int


def mlx(group: Group) -> Entry:
    """Return the entry of a weight in MLX's words.

    weight is ... x outputs x words, scales and biases are ... x outputs x groups.

    Raises:
        BrokenQuantisation: Where the parts do not fit each other, or the config does not tell
            bits and group_size.
    """
    affine = stated_affine(group)
    weight, scales = group.parts[".weight"].shape, group.parts[".scales"].shape
    is_matrix = len(weight) > 1 and 0 not in weight
    fits = is_matrix and len(scales) == len(weight) and scales[:-1] == weight[:-1]
    fits = fits and scales == group.parts[".biases"].shape
    group.need(fits, "the shapes of its parts do not fit each other")
    width, inputs = weight[-1], scales[-1] * affine.size
    has_all = 32 * width == affine.bits * inputs
    group.need(has_all, f"{width} words do not hold {inputs} numbers of {affine.bits} bits")
    shape = (*weight[:-1], inputs)
    load = partial(load_mlx, group, affine)
    return group.entry(shape, group.dtype(".scales"), f"mlx {affine.bits}-bit", load)


def stated_affine(group: Group) -> Affine:
    """Return bits and group_size from the config, a module's own settings before those of all.

    Raises:
        BrokenQuantisation: Where it states none, or those of another mode.
    """
    settings: dict[str, Any] = dict(group.settings)
    of_module = settings.get(group.name.removesuffix(".weight"))
    if isinstance(of_module, dict):
        settings |= of_module
    bits, size = settings.get("bits"), settings.get("group_size")
    is_affine = settings.get("mode", "affine") == "affine"
    if type(bits) is int and type(size) is int and bits in BITS and size > 0 and is_affine:
        return Affine(bits, size)
    raise group.broken("config.json names no group_size and bits for it")


def load_mlx(group: Group, affine: Affine) -> "Tensor":
    """Read the weight, ... x outputs x inputs."""
    bits, size = affine
    stored_scales = group.scales(".scales")
    *lead, groups = stored_scales.shape
    scales = stored_scales.reshape(-1, groups, 1)
    biases = group.scales(".biases", zero=True).to(scales.dtype).reshape(-1, groups, 1)
    packed = group.read(".weight").flatten(0, -2)  # rows x words

    def block(rows: slice) -> "Tensor":
        numbers = unpack(packed[rows], bits, groups * size).view(-1, groups, size)
        return numbers * scales[rows] + biases[rows]

    matrix = fill_rows(scales.new_empty(packed.shape[0], groups, size), block)
    return matrix.reshape(*lead, groups * size)
