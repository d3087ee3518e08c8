"""From the tensors of a checkpoint to the statistics of its projection matrices, by several threads on one device."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock, Semaphore
from typing import TypeVar

import numpy as np
import torch

from registry.architectures.layout import ProjectionTensor
from registry.architectures.residual_stream import ResidualStream
from registry.checkpoints import Entry, Update
from registry.fingerprints import adapter_updates
from registry.fingerprints.branch_sketches import half
from registry.fingerprints.digests import digests
from registry.fingerprints.matrix import Measured, Rest, described, start_of
from registry.fingerprints.readahead import Job, flow
from registry.fingerprints.record import Matrix, Progress
from registry.fingerprints.subspace_sketches import gram
from registry.fingerprints.timing import Timing
from registry.numerics.histograms import histogram
from registry.numerics.moments import Moments, moments
from registry.numerics.sketches import sketch, texture
from registry.numerics.spectrum import TOLERANCE, Spectrum, spectra

T = TypeVar("T")


@dataclass(frozen=True)
class Piece:
    """A matrix at hand on the device, the `index`-th of its site. digest, cast: of what the file holds."""

    site: ProjectionTensor
    index: int
    matrix: torch.Tensor
    digest: str
    cast: str | None
    start: np.ndarray | None


Found = list[Measured | Rest]
Task = Callable[[], Found]
Wanted = tuple[Entry, ProjectionTensor | None]


class Batches:
    """Matrices gather here by shape and type; once they take more than `limit` bytes together, all are given out.

    turns: who computes takes one. Batches are computed one at a time, single matrices by as many threads as there are.
    """

    def __init__(self, limit: int, threads: int) -> None:
        self.limit = limit
        self.turns = Semaphore(1 if limit else threads)
        self._lock = Lock()
        self._held = 0
        self._groups: defaultdict[object, list[Piece]] = defaultdict(list)

    def add(self, piece: Piece) -> list[list[Piece]]:
        """The batches that are to be computed now."""
        with self._lock:
            self._groups[piece.matrix.shape, piece.matrix.dtype].append(piece)
            self._held += piece.matrix.nbytes
            return self.take() if self._held > self.limit else []

    def take(self) -> list[list[Piece]]:
        """All that there are."""
        taken, self._groups, self._held = list(self._groups.values()), defaultdict(list), 0
        return taken


@dataclass(frozen=True)
class Meter:
    """How matrices are measured: by their `rank` largest singular values, on `device`, by `threads` threads.

    gathered: bytes of matrices that wait for others of their shape, to be computed in one call; 0 for each by itself.
    prove: that no singular value was missed. Whatever these are, the results are the same.
    """

    rank: int
    device: torch.device
    threads: int
    timing: Timing
    stream: ResidualStream
    gathered: int = 0
    prove: bool = False

    def measure(
        self, wanted: Sequence[Wanted], *, remote: bool, progress: Progress | None
    ) -> Iterator[Measured | Rest]:
        """The statistics of every projection and the digest of everything else, in any order."""
        batches = Batches(self.gathered, self.threads)
        jobs = [
            Job(entry.nbytes, partial(self.tasks, entry, site, batches)) for entry, site in wanted
        ]
        ended: set[int] = set()
        told = 0
        with closing(flow(jobs, self.threads, remote=remote)) as results:
            for place, found in results:
                for some in found:
                    yield from some
                ended.add(place)
                while told in ended:  # in the order of the files, whichever was done first
                    told += 1
                    if progress:
                        progress(told, len(jobs), wanted[told - 1][0].nbytes)
        for batch in batches.take():
            yield from self.computed(batches, batch)

    def tasks(self, entry: Entry, site: ProjectionTensor | None, batches: Batches) -> list[Task]:
        """Read an entry, and say what is to be done with it."""
        if site is None and isinstance(entry, Update):
            return [partial(self.rest, entry, lambda: (adapter_updates.digest(entry), None))]
        if site is None:
            return [partial(self.rest, entry, partial(digests, self.read(entry)))]
        if isinstance(entry, Update) and entry.factors:
            with self.timing.stage("read"):
                return [partial(self.thin, site, entry, *entry.factors())]
        tensor = self.read(site.entry)
        with self.timing.stage("sketches"):
            start = start_of(tensor)
        pairs = enumerate(self.cut(site, tensor))
        return [
            partial(self.dense, batches, site, i, *pair, None if i else start) for i, pair in pairs
        ]

    def read(self, entry: Entry) -> torch.Tensor:
        """The tensor of an entry; an update's in float64."""
        with self.timing.stage("read"):
            return entry.exact() if isinstance(entry, Update) else entry.load()

    def cut(
        self, site: ProjectionTensor, tensor: torch.Tensor
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The matrices of a site's tensor: each as it was read and as it lies on the device."""
        own = site.cut(tensor)
        return zip(
            own, own if self.device.type == "cpu" else site.cut(self.copied(tensor)), strict=True
        )

    def copied(self, tensor: torch.Tensor) -> torch.Tensor:
        """The tensor on the GPU, by a stream of its own: what is computed there meanwhile is not waited for."""
        stream = torch.cuda.Stream(self.device)
        with self.timing.stage("copy"), torch.cuda.stream(stream):
            there = tensor.pin_memory().to(self.device, non_blocking=True)
            there.record_stream(torch.cuda.default_stream(self.device))  # which it is computed by
            stream.synchronize()
        return there

    def rest(self, entry: Entry, digest: Callable[[], tuple[str, str | None]]) -> Found:
        """What is said of a tensor that is no projection."""
        with self.timing.stage("digest"):
            own, cast = digest()
        return [Rest(own, entry, cast)]

    def thin(
        self, site: ProjectionTensor, update: Update, left: torch.Tensor, right: torch.Tensor
    ) -> Found:
        """Statistics of an update that has factors, without multiplying them."""
        with self.timing.stage("spectrum"):
            found = enumerate(adapter_updates.statistics(site, update, left, right, self.rank))
            return [
                Measured(described(site, i, *each[:5]), each[2], site, i, gram=each[5])
                for i, each in found
            ]

    def dense(  # what is known of a matrix
        self,
        batches: Batches,
        site: ProjectionTensor,
        index: int,
        own: torch.Tensor,
        there: torch.Tensor,
        start: np.ndarray | None,
    ) -> Found:
        """Statistics of a matrix that is at hand, with those of the batches that are full now."""
        with self.timing.stage("digest"):
            piece = Piece(site, index, there, *digests(own), start)
        return [each for batch in batches.add(piece) for each in self.computed(batches, batch)]

    def computed(self, batches: Batches, batch: list[Piece]) -> Iterator[Measured]:
        """Statistics of matrices of one shape."""
        with batches.turns:
            with self.timing.stage("moments"):
                stats = [moments(piece.matrix) for piece in batch]
                counts = [histogram(piece.matrix) for piece in batch]
            found = self.spectra([piece.matrix for piece in batch])
        for piece, own, spectrum, bins in zip(batch, stats, found, counts, strict=True):
            rows, cols = piece.matrix.shape
            matrix = described(
                piece.site, piece.index, (rows, cols), piece.digest, own, spectrum, None
            )
            yield replace(self.sketched(piece, matrix, own), histogram=bins)

    def sketched(self, piece: Piece, matrix: Matrix, stats: Moments) -> Measured:
        """With what is compared with other models."""
        with self.timing.stage("sketches"):
            image = sketch(piece.matrix, adapter_updates.SKETCHED[matrix.projection])
            distinct, zeros = texture(piece.matrix)
            side = half(self.stream, piece.site, piece.index, piece.matrix)
            own = tuple(image.flatten().tolist())
            matrix = replace(
                matrix,
                cast_digest=piece.cast,
                sketch=own,
                distinct_share=distinct,
                zero_share=zeros,
            )
            own_gram = gram(matrix.projection, piece.matrix)
        return Measured(matrix, stats, piece.site, piece.index, side, own_gram, piece.start)

    def spectra(self, matrices: list[torch.Tensor], tolerance: float = TOLERANCE) -> list[Spectrum]:
        """Singular values of matrices of one shape."""
        with self.timing.stage("spectrum"):
            return spectra(matrices, self.rank, tolerance, prove=self.prove)

    def tightened(
        self,
        wanted: Sequence[tuple[ProjectionTensor, Sequence[int]]],
        tolerance: float,
        *,
        remote: bool,
    ) -> Iterator[tuple[ProjectionTensor, int, Spectrum]]:
        """Read some matrices of some sites again, and compute their singular values to another tolerance."""

        def tasks(
            site: ProjectionTensor, indices: Sequence[int]
        ) -> list[Callable[[], tuple[ProjectionTensor, int, Spectrum]]]:
            matrices = [there for _, there in self.cut(site, self.read(site.entry))]
            return [partial(spectrum, site, i, matrices[i]) for i in indices]

        def spectrum(
            site: ProjectionTensor, index: int, matrix: torch.Tensor
        ) -> tuple[ProjectionTensor, int, Spectrum]:
            return site, index, self.spectra([matrix], tolerance)[0]

        jobs = [Job(site.entry.nbytes, partial(tasks, site, indices)) for site, indices in wanted]
        with closing(flow(jobs, self.threads, remote=remote)) as results:
            for _, found in results:
                yield from found
