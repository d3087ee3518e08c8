"""Deltas that must be multiplied out, by how much larger they are than what is stored."""

import math
from collections.abc import Sequence

from registry.checkpoints.limits import limit
from registry.checkpoints.tensors import Delta
from registry.errors import BrokenAdapter, DeltasTooLarge

LARGEST_DELTA = limit("one-delta-elements")


def check_shape(module: str, shape: tuple[int, ...], source: str) -> None:
    """Raise BrokenAdapter where one delta is larger than the matrices of any model."""
    if math.prod(shape) > LARGEST_DELTA:
        reason = f"the delta of {module!r} would have the shape {list(shape)}"
        raise BrokenAdapter(source=source, reason=reason)


def check_together(deltas: Sequence[Delta], source: str) -> None:
    """Raise DeltasTooLarge where deltas that must be multiplied out are huge for what is stored.

    For an adapter alone: merged, they are no larger than the base's own weights.
    """
    size = sum(delta.stored_bytes for delta in deltas)
    elements = sum(math.prod(delta.shape) for delta in deltas if delta.factors is None)
    if elements > limit("delta-elements", size):
        raise DeltasTooLarge(source=source, elements=elements, size=size)
