"""A partial read of a checkpoint: the smallest informative tensors first, no more than needed."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from registry.architectures.layout import Layout, ProjectionTensor, layout_of
from registry.architectures.residual_stream import ResidualStream, read_residual_stream
from registry.architectures.roles import INWARD, OUTWARD
from registry.checkpoints import Checkpoint, Entry
from registry.fingerprints.branch_sketches import BranchProducts, branch_side
from registry.fingerprints.matrix import START, start_image
from registry.fingerprints.matrix_place import MatrixPlace
from registry.fingerprints.record import Branch
from registry.numerics.arrays import Values
from registry.numerics.unit_vectors import unit


@dataclass(frozen=True)
class BranchTensors:
    """The tensors that hold the sides of one branch of one layer; those with experts are many."""

    layer: int
    branch: str
    tensors: list[ProjectionTensor]

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors where they are stored."""
        return sum(tensor.entry.stored_bytes for tensor in self.tensors)


class Glimpse:
    """A checkpoint of a model that is read piece by piece.

    Attributes:
        source: what the user named.
        layout: which tensors hold projections.
        config: what config.json says.
        total: bytes of all tensors, where they are stored.
        read: bytes read so far.
        looked: how many branches were read.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Find the projections; no tensor is read yet. Raises CannotSplit."""
        entries = tuple(counted(self, entry) for entry in checkpoint.entries)
        self.source = checkpoint.source
        self.layout = layout_of(replace(checkpoint, entries=entries))
        self.config = checkpoint.config
        self.total = sum(entry.stored_bytes for entry in checkpoint.entries)
        self.read = 0
        self.looked = 0

    @cached_property
    def start(self) -> tuple[float, ...]:
        """The image of the first values of all projections' tensors, as the fingerprint has it."""
        return start_of(self.layout)

    def branches(self, limit: int) -> Iterator[Branch]:
        """Yield the sketches of one branch after the other.

        The smallest tensors come first, and of one size the middle layers. Ends before more than
        `limit` bytes are read.
        """
        middle = np.median([tensor.layer for tensor in self.layout.projections])

        def smallest_first(branch: BranchTensors) -> tuple[int, float]:
            return branch.nbytes, abs(branch.layer - middle)

        for branch in sorted(self.branch_tensors(), key=smallest_first):
            if self.read + branch.nbytes > limit:
                return
            self.looked += 1
            yield from read_branch(self.stream, branch)

    def branch(self, layer: int, name: str) -> Branch | None:
        """Read the tensors of one branch of one layer; None where it has no sketches."""
        for tensors in self.branch_tensors():
            if (tensors.layer, tensors.branch) == (layer, name):
                for branch in read_branch(self.stream, tensors):
                    if branch.branch == name:
                        return branch
        return None

    @cached_property
    def stream(self) -> ResidualStream:
        """The residual stream of the model."""
        return read_residual_stream(self.layout, self.config)

    def branch_tensors(self) -> list[BranchTensors]:
        """Return the tensors of every branch of every layer."""
        branches: defaultdict[tuple[int, str], list[ProjectionTensor]] = defaultdict(list)
        for tensor in self.layout.projections:
            for branch in branches_of(tensor):
                branches[tensor.layer, branch].append(tensor)
        return [BranchTensors(layer, name, own) for (layer, name), own in branches.items()]


def start_of(layout: Layout) -> tuple[float, ...]:
    """Read the first values of all projections' tensors and return their image."""
    images = [start_image(tensor.entry.first(START)) for tensor in layout.projections]
    return tuple(unit(np.sum(images, axis=0)).tolist())


def branches_of(tensor: ProjectionTensor) -> set[str]:
    """Return the branches that a tensor has a side of: 'attention', 'mlp', both or none."""
    branches = {**INWARD, **OUTWARD}
    return {branches[projection] for projection in tensor.parts if projection in branches}


def read_branch(stream: ResidualStream, branch: BranchTensors) -> tuple[Branch, ...]:
    """Read the tensors of one branch and return its sketches; none where a side is missing."""
    products = BranchProducts(stream)
    for tensor in branch.tensors:
        for index, matrix in enumerate(tensor.cut(tensor.entry.array())):
            side = branch_side(stream, MatrixPlace(tensor, index), matrix)
            if side is not None:
                products.add(side)
    return products.branches()


def counted(glimpse: Glimpse, entry: Entry) -> Entry:
    """Return the entry such that reading it adds to `glimpse.read`."""
    head = entry.head

    def read_whole() -> Values:
        glimpse.read += entry.stored_bytes
        return entry.read()

    def read_first(count: int) -> Values:
        assert head is not None
        glimpse.read += -(-count * entry.stored_bytes // max(1, entry.count))
        return head(count)

    return replace(entry, read=read_whole, head=None if head is None else read_first)
