"""What is to be measured of a checkpoint."""

from collections.abc import Sequence
from typing import NamedTuple

from registry.architectures.layout import ProjectionTensor
from registry.checkpoints import Entry
from registry.fingerprints.digests import held_bytes


class WantedTensor(NamedTuple):
    """A tensor to measure.

    Attributes:
        entry: what to read.
        projections: how to cut it into projections; None where it holds none.
    """

    entry: Entry
    projections: ProjectionTensor | None

    @property
    def results(self) -> int:
        """How many results it gives: one for each matrix, or one digest."""
        return 1 if self.projections is None else len(self.projections.parts)

    @property
    def held_bytes(self) -> int:
        """Bytes that it takes in memory while it is measured."""
        return self.entry.nbytes if self.projections is not None else held_bytes(self.entry)


class WantedMatrices(NamedTuple):
    """Some matrices of one tensor, by their indices, to be measured again."""

    tensor: ProjectionTensor
    indices: Sequence[int]
