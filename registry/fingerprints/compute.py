"""Computes the fingerprint of a checkpoint: open, measure, check, cluster, assemble."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from registry.architectures.layout import layout_of, require_projections
from registry.architectures.residual_stream import ResidualStream, read_residual_stream
from registry.architectures.roles import PROJECTIONS
from registry.checkpoints import Checkpoint, Delta
from registry.checkpoints.pages import POOL
from registry.checkpoints.peft.sizes import check_together
from registry.errors import NonFiniteWeights, UntrainedAdapter, ZeroMatrices
from registry.fingerprints import readahead
from registry.fingerprints.assembly import Origin, Readings, assemble
from registry.fingerprints.branch_sketches import BranchProducts
from registry.fingerprints.clustering import cluster_with_certainty
from registry.fingerprints.device import one_thread_each
from registry.fingerprints.digests import OtherTensor
from registry.fingerprints.kept_parts import KeptParts, kept_parts
from registry.fingerprints.matrix import MeasuredMatrix
from registry.fingerprints.meter import Meter
from registry.fingerprints.options import measure_options
from registry.fingerprints.ordered import in_order
from registry.fingerprints.own_sketches import BranchPlace, idle_factor, own_bytes, own_sketches
from registry.fingerprints.parts import Part, in_parts
from registry.fingerprints.progress import OWN_AXES, Reports, work_of
from registry.fingerprints.record import (
    RANK,
    Fingerprint,
    Matrix,
    Progress,
)
from registry.fingerprints.timing import Timing
from registry.fingerprints.wanted import WantedTensor
from registry.numerics.histograms import BINS


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
    with one_thread_each(), POOL.reusing(readahead.BUDGET):
        reports = reports_of(progress, origin, options.threads)
        kept = kept_parts(checkpoint, options, parts_of(origin))
        readings = measure(meter, origin, reports, kept)
        if checkpoint.kind == "adapter":
            readings = without_untouched(readings, checkpoint.source)
        check(readings.matrices, checkpoint.source, allow_nonfinite=allow_nonfinite)
        readings = without_zero(readings, checkpoint.source)
        own = own_axes(meter, origin, readings, reports)
        clustered = cluster_with_certainty(
            meter, readings.matrices, reports, remote=checkpoint.remote
        )
    fingerprint = assemble(origin, readings, own, clustered, rank)
    reports.end()
    if kept is not None:
        kept.remove()
    return fingerprint


def open_layout(checkpoint: Checkpoint, timing: Timing) -> Origin:
    """Find the projections and the residual stream of a checkpoint.

    Raises NoProjections, CannotSplit and DeltasTooLarge.
    """
    layout = layout_of(checkpoint)
    require_projections(layout, checkpoint)
    if checkpoint.kind == "adapter":
        deltas = [entry for entry in checkpoint.entries if isinstance(entry, Delta)]
        check_together(deltas, checkpoint.source)
        return Origin(checkpoint, layout, ResidualStream(0))
    with timing.stage("read"):
        return Origin(checkpoint, layout, read_residual_stream(layout, checkpoint.config))


def measure(
    meter: Meter, origin: Origin, reports: Reports, kept: KeptParts | None = None
) -> Readings:
    """Measure every tensor that holds weights, once; what was measured is added up in their order.

    Args:
        kept: Of an earlier run, and for a later one; None to keep nothing.
    """
    order = {entry.name: i for i, entry in enumerate(origin.checkpoint.entries)}
    matrices: list[MeasuredMatrix] = []
    others: list[OtherTensor] = []
    branches = BranchProducts(origin.stream)
    histograms: defaultdict[str, np.ndarray] = defaultdict(no_counts)
    remote = origin.checkpoint.remote
    for measured in in_order(meter, parts_of(origin), reports, kept, remote=remote):
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


def reports_of(
    progress: Progress | None, origin: Origin, threads: int, *, own: bool = True
) -> Reports:
    """Return what reports the progress of one fingerprint.

    Args:
        own: Whether branches are written in the model's own axes.
    """
    work = sum(map(work_of, wanted_tensors(origin)))
    if own and origin.checkpoint.kind != "adapter":
        layout, width = origin.layout, origin.stream.width
        work += own_weight(origin, threads) * own_bytes(layout, width)
    return Reports(progress, work)


def own_weight(origin: Origin, threads: int) -> float:
    """Return the work that a byte of a branch is which is written in the model's own axes."""
    return OWN_AXES * idle_factor(origin.layout, origin.stream.width, threads)


def parts_of(origin: Origin) -> list[Part]:
    """Return every tensor that holds weights, in the order of the files, in parts."""
    return in_parts(wanted_tensors(origin))


def wanted_tensors(origin: Origin) -> list[WantedTensor]:
    """Return every tensor that holds weights, in the order of the files."""
    order = {entry.name: i for i, entry in enumerate(origin.checkpoint.entries)}
    wanted = [WantedTensor(tensor.entry, tensor) for tensor in origin.layout.projections]
    wanted += [WantedTensor(entry, None) for entry in origin.layout.others]

    def file_order(tensor: WantedTensor) -> int:
        return order[tensor.entry.name]

    return sorted(wanted, key=file_order)


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

    Raises ZeroMatrices where all are, or consist of one value each.
    """
    filled = []
    zero = []
    for matrix in readings.matrices:
        if has_values(matrix.record):
            filled.append(matrix)
        else:
            zero.append(matrix.record)

    if not any(matrix.record.std for matrix in filled):
        raise ZeroMatrices(source=source)
    return replace(readings, matrices=filled, zero=tuple(zero))


def has_values(matrix: Matrix) -> bool:
    """Return whether a matrix has a finite value but zero; its spectrum tells, if there is one."""
    if matrix.singular_values:
        return any(matrix.singular_values)
    return matrix.std > 0 or abs(matrix.mean) > 0


def own_axes(
    meter: Meter, origin: Origin, readings: Readings, reports: Reports
) -> dict[BranchPlace, tuple[float, ...]]:
    """Return the sketches of the middle layers' branches in the model's own axes; of no adapter."""
    if origin.checkpoint.kind == "adapter":
        return {}
    head = readings.branches.value_head()
    weight = own_weight(origin, meter.options.threads)
    with meter.timing.stage("own axes"):
        return own_sketches(
            origin.layout,
            origin.stream,
            head,
            meter.options,
            lambda nbytes: reports.add(weight * nbytes),
        )
