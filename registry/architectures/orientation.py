"""Which way round a checkpoint stores its weights.

torch.nn.Linear stores outputs x inputs, GPT-2's Conv1D and some stacks of experts inputs x outputs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from registry.architectures.names import LayerPlace, Match
from registry.checkpoints import Entry


class MatchedTensor(NamedTuple):
    """A tensor and the row of the name table that its name matches."""

    entry: Entry
    match: Match


class Stacked(NamedTuple):
    """Experts' matrices in one tensor: the shape of one, and how many projections it fuses."""

    shape: tuple[int, ...]
    parts: int


@dataclass(frozen=True)
class Orientation:
    """Which tensors are stored inputs x outputs.

    Attributes:
        namings: Namings whose plain matrices are.
        layers: Layers whose stacks of experts are.
    """

    namings: frozenset[str]
    layers: frozenset[LayerPlace]

    def transposed(self, tensor: MatchedTensor) -> bool:
        """Return whether a tensor is stored inputs x outputs."""
        if tensor.match.row.experts:
            return tensor.match.place in self.layers
        return tensor.match.row.naming in self.namings

    def inputs(self, tensor: MatchedTensor) -> int:
        """Return the inputs of a tensor's matrices."""
        return tensor.entry.shape[-2 if self.transposed(tensor) else -1]


def orientation_of(tensors: Iterable[MatchedTensor]) -> Orientation:
    """Derive the orientation: a naming's by the tensor it calls `wide`, experts' by their layer."""
    namings: set[str] = set()
    up: dict[LayerPlace, Stacked] = {}
    down: dict[LayerPlace, Stacked] = {}

    for entry, match in tensors:
        row = match.row
        if row.wide == row.name and entry.shape[1] > entry.shape[0]:
            namings.add(row.naming)
        if row.experts and row.parts[-1] == "up":
            up[match.place] = Stacked(entry.shape[1:], len(row.parts))
        if row.experts and row.parts[-1] == "down":
            down[match.place] = Stacked(entry.shape[1:], len(row.parts))

    layers = set()
    for place in up.keys() & down.keys():
        if are_transposed(up[place], down[place]):
            layers.add(place)
    return Orientation(frozenset(namings), frozenset(layers))


def are_transposed(up: Stacked, down: Stacked) -> bool:
    """Return whether experts' up and down fit each other only as inputs x outputs.

    With gate and up fused (parts = 2) there are two cases:

        outputs x inputs    up: (parts * inner) x hidden    down: hidden x inner
        inputs x outputs    up: hidden x (parts * inner)    down: inner x hidden
    """
    rows, columns = down.shape
    fits_as_stored = up.shape == (up.parts * columns, rows)
    fits_transposed = up.shape == (columns, up.parts * rows)
    return fits_transposed and not fits_as_stored
