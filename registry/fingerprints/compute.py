"""Computes the fingerprint of a checkpoint: open, measure, check, cluster, assemble."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from registry.architectures.layout import Layout, layout_of, require_projections
from registry.architectures.residual_stream import ResidualStream, read_residual_stream
from registry.architectures.roles import PROJECTIONS, WRITING
from registry.checkpoints import Checkpoint
from registry.errors import NonFiniteWeights, UntrainedAdapter, ZeroMatrices
from registry.fingerprints.branch_sketches import BranchProducts
from registry.fingerprints.clustering import Clustered, cluster_with_certainty
from registry.fingerprints.device import one_thread_each
from registry.fingerprints.digests import OtherTensor, content_digest, digest_of_cast
from registry.fingerprints.lora_deltas import adapter_facts
from registry.fingerprints.matrix import MeasuredMatrix
from registry.fingerprints.meter import Meter, WantedTensor
from registry.fingerprints.options import measure_options
from registry.fingerprints.other_tensors import tensor_records, tied_embedding
from registry.fingerprints.own_sketches import BranchPlace, own_sketches
from registry.fingerprints.projection_vector import ProjectionVector
from registry.fingerprints.record import (
    RANK,
    VERSION,
    Branch,
    Fingerprint,
    Histogram,
    Matrix,
    Progress,
)
from registry.fingerprints.subspace_sketches import subspaces
from registry.fingerprints.timing import Timing
from registry.numerics.histograms import BINS
from registry.numerics.moments import Moments, merge
from registry.numerics.unit_vectors import unit

T = TypeVar("T")


@dataclass(frozen=True)
class Origin:
    """What is known of a checkpoint before its matrices are measured.

    Attributes:
        checkpoint: the index of its tensors.
        layout: which of them hold projections.
        stream: the residual stream of a model; of width 0 for an adapter.
    """

    checkpoint: Checkpoint
    layout: Layout
    stream: ResidualStream


@dataclass(frozen=True)
class Readings:
    """What was measured of a checkpoint.

    Attributes:
        matrices: by layer, projection and expert.
        others: tensors that are no projection.
        branches: the products of the sides of all branches.
        histograms: counts by bin, for each projection over all layers.
        untouched: names of the weights that an adapter leaves as they are; they are not among
            the matrices.
        zero: matrices of a model without a value but zero; they are not among the matrices.
    """

    matrices: list[MeasuredMatrix]
    others: list[OtherTensor]
    branches: BranchProducts
    histograms: dict[str, np.ndarray]
    untouched: tuple[str, ...] = ()
    zero: tuple[Matrix, ...] = ()


def compute(
    checkpoint: Checkpoint,
    *,
    allow_nonfinite: bool = False,
    rank: int = RANK,
    threads: int | None = None,
    device: str = "auto",
    prove: bool = False,
    progress: Progress | None = None,
    timing: Timing | None = None,
) -> Fingerprint:
    """Read a checkpoint and return its fingerprint; of an adapter, that of its deltas.

    Memory stays at the largest tensor plus a constant and what each thread needs for one matrix.
    The answer is the same for any number of threads (None: one for every core), and on any device
    but for the bounds of the singular values.

    Args:
        allow_nonfinite: Leave NaN and infinite weights out instead of refusing them.
        rank: Singular values of each matrix, 16, 64 or 256.
        device: auto, cpu, cuda or cuda:n.
        prove: Prove of every spectrum that no value was missed.
        progress: Called after each tensor.
        timing: A clock that learns where the time goes.

    Raises WeightsError, CheckpointError, UnknownRank and DeviceUnavailable.
    """
    options = measure_options(rank, threads, device, prove=prove)
    timing = timing or Timing()
    origin = open_layout(checkpoint, timing)
    meter = Meter(options, origin.stream, timing)
    with one_thread_each():
        readings = measure(meter, origin, progress)
        if checkpoint.kind == "adapter":
            readings = without_untouched(readings, checkpoint.source)
        check(readings.matrices, checkpoint.source, allow_nonfinite=allow_nonfinite)
        readings = without_zero(readings, checkpoint.source)
        own = own_axes(meter, origin, readings)
        clustered = cluster_with_certainty(meter, readings.matrices, remote=checkpoint.remote)
    return assemble(origin, readings, own, clustered, rank)


def open_layout(checkpoint: Checkpoint, timing: Timing) -> Origin:
    """Find the projections and the residual stream of a checkpoint.

    Raises NoProjections and CannotSplit.
    """
    layout = layout_of(checkpoint)
    require_projections(layout, checkpoint)
    if checkpoint.kind == "adapter":
        return Origin(checkpoint, layout, ResidualStream(0))
    with timing.stage("read"):
        return Origin(checkpoint, layout, read_residual_stream(layout, checkpoint.config))


def measure(meter: Meter, origin: Origin, progress: Progress | None) -> Readings:
    """Measure every tensor that holds weights, once, in the order of the files."""
    order = {entry.name: i for i, entry in enumerate(origin.checkpoint.entries)}
    wanted = [WantedTensor(tensor.entry, tensor) for tensor in origin.layout.projections]
    wanted += [WantedTensor(entry, None) for entry in origin.layout.others]

    def file_order(tensor: WantedTensor) -> int:
        return order[tensor.entry.name]

    matrices: list[MeasuredMatrix] = []
    others: list[OtherTensor] = []
    branches = BranchProducts(origin.stream)
    histograms: defaultdict[str, np.ndarray] = defaultdict(no_counts)
    in_order = sorted(wanted, key=file_order)
    remote = origin.checkpoint.remote
    for measured in meter.measure(in_order, remote=remote, progress=progress):
        if isinstance(measured, OtherTensor):
            others.append(measured)
            continue
        if measured.side is not None:
            branches.add(measured.side)
        if measured.histogram is not None:
            histograms[measured.record.projection] += measured.histogram
        matrices.append(replace(measured, side=None, histogram=None))

    def model_order(matrix: MeasuredMatrix) -> tuple[int, int, int, int, int]:
        layer, projection, expert = place_in_model(matrix.record)
        return layer, projection, expert, order[matrix.place.tensor_name], matrix.place.index

    return Readings(sorted(matrices, key=model_order), others, branches, histograms)


def no_counts() -> np.ndarray:
    """Return the histogram of no values."""
    return np.zeros(BINS, np.int64)


def place_in_model(matrix: Matrix) -> tuple[int, int, int]:
    """Return a matrix's layer, projection and expert as numbers; those of no expert come first."""
    expert = -1 if matrix.expert is None else matrix.expert
    return matrix.layer, PROJECTIONS.index(matrix.projection), expert


def without_untouched(readings: Readings, source: str) -> Readings:
    """Return an adapter's readings without the deltas that are zero.

    Raises UntrainedAdapter where all are.
    """
    touched = []
    untouched = []
    for matrix in readings.matrices:
        if any(matrix.record.singular_values) or matrix.record.nonfinite:
            touched.append(matrix)
        else:
            untouched.append(matrix.record.tensor)

    if not touched:
        raise UntrainedAdapter(source=source)
    return replace(readings, matrices=touched, untouched=tuple(untouched))


def check(matrices: Sequence[MeasuredMatrix], source: str, *, allow_nonfinite: bool) -> None:
    """Raise NonFiniteWeights unless such are allowed."""
    nonfinite = [matrix.record for matrix in matrices if matrix.record.nonfinite]
    if nonfinite and not allow_nonfinite:
        count = sum(matrix.nonfinite for matrix in nonfinite)
        raise NonFiniteWeights(source=source, count=count, tensor=nonfinite[0].tensor)


def without_zero(readings: Readings, source: str) -> Readings:
    """Return the readings without matrices that are all zero, or have no finite value.

    Raises ZeroMatrices where all are.
    """
    filled = []
    zero = []
    for matrix in readings.matrices:
        if any(matrix.record.singular_values):
            filled.append(matrix)
        else:
            zero.append(matrix.record)

    if not filled:
        raise ZeroMatrices(source=source)
    return replace(readings, matrices=filled, zero=tuple(zero))


def own_axes(
    meter: Meter, origin: Origin, readings: Readings
) -> dict[BranchPlace, tuple[float, ...]]:
    """Return the sketches of the middle layers' branches in the model's own axes; of no adapter."""
    if origin.checkpoint.kind == "adapter":
        return {}
    head = readings.branches.value_head()
    with meter.timing.stage("own axes"):
        return own_sketches(origin.layout, origin.stream, head, meter.options)


def assemble(
    origin: Origin,
    readings: Readings,
    own: dict[BranchPlace, tuple[float, ...]],
    clustered: Clustered,
    rank: int,
) -> Fingerprint:
    """Return the fingerprint from what was measured and clustered."""
    checkpoint, layout = origin.checkpoint, origin.layout
    others = readings.others
    records = tuple(matrix.record for matrix in clustered.matrices)
    every_matrix = (*records, *readings.zero)
    is_adapter = checkpoint.kind == "adapter"
    tensors = () if is_adapter else tensor_records(layout, others)
    return Fingerprint(
        version=VERSION,
        digest=content_digest(every_matrix, others),
        architecture=layout.naming if checkpoint.architecture is None else checkpoint.architecture,
        dtype=most_common(tensor.entry.dtype.name for tensor in layout.projections),
        parameters=count_parameters(layout, others),
        layers=len({matrix.layer for matrix in every_matrix}),
        hidden_size=hidden_size(records),
        projections=present_projections(records),
        std=pooled_std(clustered.matrices),
        rank=rank,
        clusterings=clustered.clusterings,
        matrices=records,
        nonfinite=sum(matrix.nonfinite for matrix in records),
        unknown=tuple(entry.name for entry in layout.unknown),
        stored=most_common(tensor.entry.stored for tensor in layout.projections),
        adapter=adapter_facts(layout, readings.untouched) if is_adapter else None,
        branches=with_own(readings.branches.branches(), own),
        spaces=subspaces((matrix.record, matrix.gram) for matrix in clustered.matrices),
        start=pooled_start(clustered.matrices),
        vocabulary=origin.stream.vocabulary,
        cast_digest=digest_of_cast(every_matrix, others),
        histograms=() if is_adapter else histogram_records(readings.histograms),
        tensors=tensors,
        tied=tied_embedding(tensors, origin.stream.vocabulary, checkpoint.config),
        zero=tuple(matrix.tensor for matrix in readings.zero),
    )


def with_own(
    branches: Sequence[Branch], own: dict[BranchPlace, tuple[float, ...]]
) -> tuple[Branch, ...]:
    """Return branches with their sketches in the model's own axes, where there are some."""
    return tuple(replace(branch, own=own.get((branch.layer, branch.branch))) for branch in branches)


def most_common(values: Iterable[T]) -> T:
    """Return the value that comes most often; of several, the first."""
    [(value, _)] = Counter(values).most_common(1)
    return value


def count_parameters(layout: Layout, others: Iterable[OtherTensor]) -> int:
    """Return how many weights there are; a matrix stored twice (tied embeddings) counts once."""
    count = sum(tensor.entry.count for tensor in layout.projections)
    tied: dict[str, int] = {}
    for other in others:
        if len(other.entry.shape) > 1:
            tied[other.digests.digest] = other.entry.count
        elif len(other.entry.shape) == 1:
            count += other.entry.count
    return count + sum(tied.values())


def hidden_size(matrices: Iterable[Matrix]) -> int:
    """Return the inputs that most projections that read the residual stream have; 0 without any."""
    widths = [matrix.cols for matrix in matrices if matrix.projection not in WRITING]
    return most_common(widths) if widths else 0


def present_projections(matrices: Iterable[Matrix]) -> tuple[str, ...]:
    """Return the projections that there are, in the papers' order."""
    present = {matrix.projection for matrix in matrices}
    return tuple(projection for projection in PROJECTIONS if projection in present)


def pooled_std(matrices: Iterable[MeasuredMatrix]) -> ProjectionVector:
    """Return the population std of all weights of each projection (paper 2509.19122, 2.2)."""
    by_projection: dict[str, list[Moments]] = {projection: [] for projection in PROJECTIONS}
    for matrix in matrices:
        by_projection[matrix.record.projection].append(matrix.moments)
    return ProjectionVector._make(merge(moments).std for moments in by_projection.values())


def pooled_start(matrices: Iterable[MeasuredMatrix]) -> tuple[float, ...] | None:
    """Return the sum of the images of all tensors' first values, of length 1; None without any."""
    images = [matrix.start for matrix in matrices if matrix.start is not None]
    return tuple(unit(np.sum(images, axis=0)).tolist()) if images else None


def histogram_records(counts: dict[str, np.ndarray]) -> tuple[Histogram, ...]:
    """Return the histograms of all projections, in alphabetical order."""
    return tuple(
        Histogram(projection, tuple(counts[projection].tolist())) for projection in sorted(counts)
    )
