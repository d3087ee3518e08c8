"""Schedules the measuring of a checkpoint's tensors: threads, copies to a GPU, batches."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from registry.architectures.layout import ProjectionTensor
from registry.architectures.residual_stream import ResidualStream
from registry.checkpoints import Delta, Entry
from registry.checkpoints.pages import POOL
from registry.fingerprints import readahead
from registry.fingerprints.batches import Batch, Batches
from registry.fingerprints.device import CPU
from registry.fingerprints.digests import (
    OtherTensor,
    TensorDigests,
    as_floats,
    comes_in_pieces,
    finished,
    pieces_of,
    tensor_digests,
)
from registry.fingerprints.lora_deltas import delta_digest, delta_statistics
from registry.fingerprints.matrix import (
    HashedMatrix,
    LoadedMatrix,
    MeasuredMatrix,
    distribution,
    measured_from_factors,
    measured_from_values,
    start_image,
)
from registry.fingerprints.matrix_place import MatrixPlace
from registry.fingerprints.options import MeasureOptions
from registry.fingerprints.readahead import Job, flow
from registry.fingerprints.timing import Timing
from registry.fingerprints.wanted import WantedMatrices, WantedTensor
from registry.numerics.arrays import Values, as_array, as_tensor, dtype_named, is_floating
from registry.numerics.digest import PiecewiseDigests
from registry.numerics.flat_sketches import PiecewiseSketch, flat_sketch
from registry.numerics.spectrum import TOLERANCE, Spectrum, at_hand, spectra

if TYPE_CHECKING:
    import torch

R = TypeVar("R")
TaskResults = Sequence[MeasuredMatrix | OtherTensor]
"""What one task measured."""
Task = Callable[[], TaskResults]


class RefinedSpectrum(NamedTuple):
    """The singular values of one matrix, computed to a finer tolerance."""

    place: MatrixPlace
    spectrum: Spectrum


@dataclass(frozen=True)
class Meter:
    """Measures the tensors of one checkpoint, several at a time.

    Attributes:
        options: rank, device and threads.
        stream: the residual stream of the model, which sketches of branches refer to.
        timing: a clock that learns where the time goes.
    """

    options: MeasureOptions
    stream: ResidualStream
    timing: Timing

    def measure(
        self, wanted: Sequence[WantedTensor], report: Callable[[int, int], None], *, remote: bool
    ) -> Iterator[MeasuredMatrix | OtherTensor]:
        """Yield the statistics of every projection and the digest of everything else, in any order.

        Args:
            report: Called by any thread with the position of a tensor and how many of its bytes
                were measured so far.
            remote: Whether tensors come over a network.

        Raises whatever reading a tensor raises.
        """
        batches = Batches(self.options.batch_bytes, self.options.threads)
        jobs = []
        for position, tensor in enumerate(wanted):
            pieces = partial(report, position)
            jobs.append(Job(tensor.held_bytes, partial(self.tensor_tasks, tensor, batches, pieces)))
        for position, measured_by_task in self.results(jobs, remote=remote):
            for measured in measured_by_task:
                yield from measured
            report(position, wanted[position].entry.nbytes)

        for batch in batches.take():
            yield from self.measure_batch(batch, batches)

    def refine(
        self, wanted: Sequence[WantedMatrices], tolerance: float, *, remote: bool
    ) -> Iterator[RefinedSpectrum]:
        """Read some matrices again and yield their singular values to another tolerance.

        Args:
            tolerance: Relative to the largest singular value of each matrix.
        """
        jobs = [
            Job(matrices.tensor.entry.nbytes, partial(self.refining_tasks, matrices, tolerance))
            for matrices in wanted
        ]
        for _, refined in self.results(jobs, remote=remote):
            yield from refined

    def results(self, jobs: Sequence[Job[R]], *, remote: bool) -> Iterator[tuple[int, list[R]]]:
        """Yield the position of every job and what came of it, as one after the other is done.

        The pages of tensors that are done with are used for the next ones.
        """
        threads = self.options.threads
        with POOL.reusing(readahead.BUDGET), closing(flow(jobs, threads, remote=remote)) as done:
            yield from done

    # What readers do: bring a tensor into memory, and say what is to be done with it.

    def tensor_tasks(
        self, wanted: WantedTensor, batches: Batches, report: Callable[[int], None]
    ) -> list[Task]:
        """Read a tensor and return what is to be done with it."""
        entry, tensor = wanted
        if tensor is None:
            return [self.digest_task(entry, report)]
        if isinstance(entry, Delta) and entry.factors:
            with self.timing.stage("read"):
                b, a = entry.factors()
            return [partial(self.measure_factors, tensor, entry, b, a)]
        return [
            partial(self.measure_matrix, matrix, batches) for matrix in self.load_matrices(tensor)
        ]

    def digest_task(self, entry: Entry, report: Callable[[int], None]) -> Task:
        """Read a tensor that is no projection; what is large is read later, piece by piece."""
        if isinstance(entry, Delta):
            return partial(self.digest_delta, entry)
        if comes_in_pieces(entry):
            return partial(self.digest_pieces, entry, report)
        return partial(self.digest_tensor, entry, self.read(entry))

    def refining_tasks(
        self, wanted: WantedMatrices, tolerance: float
    ) -> list[Callable[[], RefinedSpectrum]]:
        """Read a tensor and return what is to be done with some of its matrices."""
        matrices = self.load_matrices(wanted.tensor)
        return [partial(self.refine_spectrum, matrices[i], tolerance) for i in wanted.indices]

    def load_matrices(self, tensor: ProjectionTensor) -> list[LoadedMatrix]:
        """Read the matrices of a tensor, and copy them to the device."""
        stored = self.read(tensor.entry)
        with self.timing.stage("sketches"):
            start = start_image(stored)

        stored_matrices = tensor.cut(stored)
        device_matrices: Sequence[Values] = stored_matrices
        if self.options.device != CPU:
            device_matrices = tensor.cut(self.copy_to_device(stored))

        loaded = []
        for index, values in enumerate(device_matrices):
            place = MatrixPlace(tensor, index)
            start_of_tensor = start if index == 0 else None
            loaded.append(LoadedMatrix(place, stored_matrices[index], values, start_of_tensor))
        return loaded

    def read(self, entry: Entry) -> np.ndarray:
        """Return the tensor of an entry; of an adapter's delta the product, in float64."""
        with self.timing.stage("read"):
            return as_array(entry.exact()) if isinstance(entry, Delta) else entry.array()

    def copy_to_device(self, array: np.ndarray) -> "torch.Tensor":
        """Return the tensor on the GPU, copied by a stream of its own.

        What is computed there meanwhile is not waited for.
        """
        import torch  # noqa: PLC0415  # for GPUs alone

        device = self.options.device.torch
        stream = torch.cuda.Stream(device)
        with self.timing.stage("copy"), torch.cuda.stream(stream):
            copy = as_tensor(array).pin_memory().to(device, non_blocking=True)
            copy.record_stream(torch.cuda.default_stream(device))  # which computes with it
            stream.synchronize()
        return copy

    # What workers do: compute with what was read.

    def digest_tensor(self, entry: Entry, array: np.ndarray) -> TaskResults:
        """Return the digests and the sketch of a tensor that is no projection."""
        with self.timing.stage("digest"):
            digests = tensor_digests(array)
        with self.timing.stage("sketches"):
            numbers = array if is_floating(array.dtype) else as_floats(array)
            return [OtherTensor(entry, digests, flat_sketch(numbers))]

    def digest_pieces(self, entry: Entry, report: Callable[[int], None]) -> TaskResults:
        """Read a large tensor that is no projection, and return its digests and sketch."""
        nbytes = 0
        digests = PiecewiseDigests(dtype_named(entry.dtype.name), entry.shape)
        sketch = PiecewiseSketch(entry.count)
        pieces = pieces_of(entry)
        while True:
            with self.timing.stage("read"):
                piece = next(pieces, None)
            if piece is None:
                return [OtherTensor(entry, finished(digests), sketch.result())]
            with self.timing.stage("digest"):
                digests.add(piece)
            with self.timing.stage("sketches"):
                sketch.add(piece)
            nbytes += piece.nbytes
            report(nbytes)

    def digest_delta(self, delta: Delta) -> TaskResults:
        """Return the digest of an adapter's delta that is no projection's."""
        with self.timing.stage("digest"):
            return [OtherTensor(delta, TensorDigests(delta_digest(delta)))]

    def measure_factors(
        self, tensor: ProjectionTensor, delta: Delta, b: Values, a: Values
    ) -> TaskResults:
        """Return the statistics of a LoRA delta B A without multiplying it."""
        measured = []
        with self.timing.stage("spectrum"):
            parts = delta_statistics(tensor, delta, b, a, self.options.rank)
            for index, statistics in enumerate(parts):
                measured.append(measured_from_factors(MatrixPlace(tensor, index), statistics))
        return measured

    def measure_matrix(self, matrix: LoadedMatrix, batches: Batches) -> TaskResults:
        """Return the statistics of the batches that are full with this matrix; or let it wait."""
        with self.timing.stage("digest"):
            digests = tensor_digests(matrix.stored)
        hashed = HashedMatrix(matrix.place, matrix.values, digests, matrix.start)

        measured: list[MeasuredMatrix] = []
        for batch in batches.add(hashed):
            measured += self.measure_batch(batch, batches)
        return measured

    def measure_batch(self, batch: Batch, batches: Batches) -> Iterator[MeasuredMatrix]:
        """Yield the statistics of matrices of one shape."""
        with batches.turns:
            with self.timing.stage("moments"):
                most = self.options.moments_of
                distributions = [distribution(matrix.values, most) for matrix in batch]
            computed = self.spectra_of(batch)

        for matrix, described, spectrum in zip(batch, distributions, computed, strict=True):
            with self.timing.stage("sketches"):
                measured = measured_from_values(matrix, described, spectrum, self.stream)
            yield measured

    def spectra_of(self, batch: Batch) -> list[Spectrum]:
        """Return the singular values of a batch, of those tensors alone that the options name."""
        names = self.options.spectra_of
        if names is None:
            return self.spectra([matrix.values for matrix in batch])
        spectra = []
        for matrix in batch:
            if matrix.place.tensor_name in names:
                with self.timing.stage("spectrum"):
                    spectra.append(at_hand(matrix.values, self.options.rank))
            else:
                spectra.append(Spectrum((), ()))
        return spectra

    def refine_spectrum(self, matrix: LoadedMatrix, tolerance: float) -> RefinedSpectrum:
        """Return the singular values of one matrix to another tolerance."""
        [spectrum] = self.spectra([matrix.values], tolerance)
        return RefinedSpectrum(matrix.place, spectrum)

    def spectra(self, matrices: list[Values], tolerance: float = TOLERANCE) -> list[Spectrum]:
        """Return the singular values of matrices of one shape."""
        with self.timing.stage("spectrum"):
            return spectra(matrices, self.options.rank, tolerance, prove=self.options.prove)
