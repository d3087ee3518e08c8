"""Weights that torch keeps as two tensors: with weight normalisation, or pruned with a mask.

They are not quantised, but put together from parts in the same way: W = g v / |v|, where the
length is that of each row (arXiv 1602.07868), and W = original x mask.
"""

from functools import partial
from typing import TYPE_CHECKING

from registry.checkpoints.quantised.group import Group
from registry.checkpoints.tensors import Entry

if TYPE_CHECKING:
    from torch import Tensor


def normalised(lengths: str, directions: str, group: Group) -> Entry:
    """Return the entry of a weight that is kept as lengths and directions.

    Args:
        lengths: The suffix of the rows' lengths, outputs x 1.
        directions: The suffix of what gives the rows' directions, outputs x inputs.
        group: The parts.

    Raises:
        BrokenQuantisation: Where the parts do not fit each other.
    """
    shape = group.shape(directions, 2)
    has_rows = group.parts[lengths].shape == (shape[0], 1)
    group.need(has_rows, f"{lengths[1:]!r} does not have one number for each row")
    load = partial(load_normalised, lengths, directions, group)
    return Entry(group.name, group.parts[directions].dtype, shape, load)


def load_normalised(lengths: str, directions: str, group: Group) -> "Tensor":
    """Read the weight, outputs x inputs."""
    rows = group.read(directions)
    scales = group.read(lengths) / rows.norm(dim=1, keepdim=True)
    group.need(bool(scales.isfinite().all()), f"{directions[1:]!r} has a row of zeros")
    weight: Tensor = rows * scales
    return weight


def masked(group: Group) -> Entry:
    """Return the entry of a weight with the mask that it is pruned by.

    Raises:
        BrokenQuantisation: Where the two have different shapes.
    """
    original, mask = group.parts[".weight_orig"], group.parts[".weight_mask"]
    group.need(original.shape == mask.shape, "'weight_mask' has another shape than 'weight_orig'")
    return Entry(group.name, original.dtype, original.shape, partial(load_masked, group))


def load_masked(group: Group) -> "Tensor":
    """Read the weight."""
    original = group.read(".weight_orig")
    weight: Tensor = original * group.read(".weight_mask").to(original.dtype)
    return weight
