"""A look at a checkpoint that reads no more than it must: the smallest informative pieces first."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch

from registry.architectures.layout import ProjectionTensor, layout_of
from registry.architectures.residual_stream import read_residual_stream
from registry.architectures.roles import INWARD, OUTWARD
from registry.checkpoints import Checkpoint, Entry
from registry.fingerprints.branch_sketches import Halves, half
from registry.fingerprints.matrix import START, start_of
from registry.fingerprints.record import Branch
from registry.numerics.unit_vectors import unit


class Glimpse:
    """A checkpoint of a model that is read piece by piece. read: bytes so far, of `total`. looked: branches."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Nothing is read yet. Raises CannotSplit."""
        self.source = checkpoint.source
        entries = tuple(counted(self, entry) for entry in checkpoint.entries)
        self.layout = layout_of(replace(checkpoint, entries=entries))
        self.total = sum(entry.nbytes for entry in checkpoint.entries)
        self.read = self.looked = 0

    @cached_property
    def start(self) -> tuple[float, ...]:
        """The image of the first values of every projection's tensor, as the fingerprint has it."""
        images = [start_of(site.entry.first(START)) for site in self.layout.projections]
        return tuple(unit(np.sum(images, axis=0)).tolist())

    def branches(self, limit: int) -> Iterator[Branch]:
        """The sketches of one branch after the other, the smallest tensors first, from the middle layer outwards.

        Ends before more than `limit` bytes are read.
        """
        stream = read_residual_stream(self.layout)
        middle = np.median([site.layer for site in self.layout.projections])
        for sites in sorted(self.sides(), key=lambda own: (cost(own), abs(own[0].layer - middle))):
            if self.read + cost(sites) > limit:
                return
            self.looked += 1
            halves = Halves(stream)
            for site in sites:
                for index, matrix in enumerate(site.cut(site.entry.load())):
                    if found := half(stream, site, index, matrix):
                        halves.add(found)
            yield from halves.branches()

    def sides(self) -> list[list[ProjectionTensor]]:
        """The tensors of every branch of every layer; those with experts are many."""
        found: dict[tuple[int, str], list[ProjectionTensor]] = defaultdict(list)
        for site in self.layout.projections:
            for branch in {INWARD.get(part) or OUTWARD.get(part) for part in site.parts} - {None}:
                found[site.layer, str(branch)].append(site)
        return list(found.values())


def cost(sites: list[ProjectionTensor]) -> int:
    """Bytes of the tensors."""
    return sum(site.entry.nbytes for site in sites)


def counted(glimpse: Glimpse, entry: Entry) -> Entry:
    """The entry, which tells the glimpse what is read of it."""
    head = entry.head

    def whole() -> torch.Tensor:
        glimpse.read += entry.nbytes
        return entry.read()

    def first(count: int) -> torch.Tensor:
        assert head
        glimpse.read += count * entry.dtype.itemsize
        return head(count)

    return replace(entry, read=whole, head=first if head else None)
