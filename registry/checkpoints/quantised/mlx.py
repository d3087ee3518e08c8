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
WORD_BITS = 32


class Affine(NamedTuple):
    """How many bits a number has, and how many inputs share a scale."""

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
    group.need(shapes_fit(group), "the shapes of its parts do not fit each other")

    *lead, width = group.parts[".weight"].shape
    groups = group.parts[".scales"].shape[-1]
    inputs = groups * affine.size
    has_all = WORD_BITS * width == affine.bits * inputs
    group.need(has_all, f"{width} words do not hold {inputs} numbers of {affine.bits} bits")

    load = partial(load_mlx, group, affine)
    return group.entry((*lead, inputs), group.dtype(".scales"), f"mlx {affine.bits}-bit", load)


def shapes_fit(group: Group) -> bool:
    """Return whether words, scales and biases have the same rows, and scales a bias each."""
    weight = group.parts[".weight"].shape
    scales = group.parts[".scales"].shape
    biases = group.parts[".biases"].shape
    is_matrix = len(weight) > 1 and 0 not in weight
    same_rows = len(scales) == len(weight) and scales[:-1] == weight[:-1]
    return is_matrix and same_rows and scales == biases


def stated_affine(group: Group) -> Affine:
    """Return bits and group_size from the config, a module's own settings before those of all.

    Raises:
        BrokenQuantisation: Where it states none, or those of another mode.
    """
    settings: dict[str, Any] = dict(group.settings)
    of_module = settings.get(group.name.removesuffix(".weight"))
    if isinstance(of_module, dict):
        settings |= of_module

    bits = settings.get("bits")
    size = settings.get("group_size")
    is_affine = settings.get("mode", "affine") == "affine"
    if not is_affine or type(bits) is not int or type(size) is not int:  # a bool is an int
        raise group.broken("config.json names no group_size and bits for it")
    if bits not in BITS or size <= 0:
        raise group.broken("config.json names no group_size and bits for it")
    return Affine(bits, size)


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
