"""Which layer of the fingerprint a tensor outside the projections belongs to."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.architectures.name_table import NUMBER
from registry.architectures.projection_tensors import Layout, ProjectionTensor

if TYPE_CHECKING:
    import re


@dataclass(frozen=True)
class LayerNumbers:
    """Which layer of the fingerprint a tensor's name stands for.

    Attributes:
        by_prefix: Layers by what their tensors' names begin with, up to the layer's number.
        shifts: By what stands before that number, what is added to it where all layers agree.
    """

    by_prefix: dict[str, int]
    shifts: dict[str, int]

    @classmethod
    def of(cls, layout: Layout) -> "LayerNumbers":
        """Return the numbers of a checkpoint's layers, as its projections have them."""
        by_prefix: dict[str, int] = {}
        shifts: dict[str, set[int]] = {}
        for tensor in layout.projections:
            number = layer_number(tensor)
            if number is None:
                continue
            by_prefix[tensor.entry.name[: number.end()]] = tensor.layer
            stack = tensor.entry.name[: number.start()]
            shifts.setdefault(stack, set()).add(tensor.layer - int(number.group()))

        agreed = {stack: min(shift) for stack, shift in shifts.items() if len(shift) == 1}
        return cls(by_prefix, agreed)

    def layer_of(self, name: str) -> int | None:
        """Return the layer that a tensor belongs to, counted from 0; None outside the layers."""
        for number in NUMBER.finditer(name):
            prefix, stack = name[: number.end()], name[: number.start()]
            if prefix in self.by_prefix:
                return self.by_prefix[prefix]
            if stack in self.shifts:
                return int(number.group()) + self.shifts[stack]
        return None


def layer_number(tensor: ProjectionTensor) -> "re.Match[str] | None":
    """Return where the layer's number stands in a projection's name; None where it has none.

    Numbers of experts, heads and parts of the layer follow it.
    """
    numbers = list(NUMBER.finditer(tensor.entry.name))
    return numbers[tensor.number] if len(numbers) >= -tensor.number else None
