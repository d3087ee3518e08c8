"""Whether what fused tensors were cut into fits the rest of their layers."""

from collections import defaultdict
from collections.abc import Sequence

from registry.architectures.projection_tensors import ProjectionTensor
from registry.errors import PartsDoNotFit

NEURONS = ("gate", "up")
Rows = dict[str, set[int]]
"""Rows, or for `down` and `output` columns, that a layer's matrices have, by projection."""


def check_parts(tensors: Sequence[ProjectionTensor]) -> None:
    """Check that gate and up have as many rows as down has inputs, in every layer that has them.

    A tensor that holds one projection by its name and twice the rows holds two.

    Raises:
        PartsDoNotFit: Where they do not, naming the tensor and how it was read.
    """
    inputs_of_down: defaultdict[int, set[int]] = defaultdict(set)
    for tensor in tensors:
        for part, (_, columns) in zip(tensor.parts, tensor.shapes, strict=True):
            if part == "down":
                inputs_of_down[tensor.layer].add(columns)

    for tensor in tensors:
        expected = inputs_of_down.get(tensor.layer)
        if expected is None:
            continue
        fused = len(tensor.sizes) > 1
        for part, (rows, _) in zip(tensor.parts, tensor.shapes, strict=True):
            if part not in NEURONS or rows in expected:
                continue
            doubled = any(rows == 2 * size for size in expected)
            if fused or doubled:
                raise misfit(tensor, part, rows, expected)


def misfit(tensor: ProjectionTensor, part: str, rows: int, expected: set[int]) -> PartsDoNotFit:
    """Return the error for a part that does not fit its layer."""
    inputs = " or ".join(str(size) for size in sorted(expected))
    return PartsDoNotFit(
        tensor=tensor.entry.name,
        part=part,
        rows=rows,
        expected=f"{inputs} inputs of down",
        naming=tensor.naming,
    )
