"""Computes the fingerprint of a checkpoint."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from registry.architectures.layout import Layout, layout_of, require_projections
from registry.architectures.residual_stream import ResidualStream, read_residual_stream
from registry.architectures.roles import PROJECTIONS
from registry.checkpoints import Checkpoint
from registry.errors import NonFiniteWeights, UnknownRank, UntrainedAdapter, ZeroMatrix
from registry.fingerprints import adapter_updates
from registry.fingerprints.branch_sketches import Halves
from registry.fingerprints.clustering import certified
from registry.fingerprints.device import chosen, cores, gathering, one_thread_each
from registry.fingerprints.digests import content_digest, digest_of_cast
from registry.fingerprints.matrix import Measured, Rest
from registry.fingerprints.meter import Meter, Wanted
from registry.fingerprints.projection_vector import ProjectionVector
from registry.fingerprints.record import (
    RANK,
    RANKS,
    VERSION,
    Adapter,
    Clustering,
    Fingerprint,
    Histogram,
    Matrix,
    Progress,
)
from registry.fingerprints.subspace_sketches import spaces
from registry.fingerprints.timing import Timing
from registry.numerics.histograms import BINS
from registry.numerics.moments import merge
from registry.numerics.unit_vectors import unit

Histograms = dict[str, np.ndarray]
"""Counts by bin, of every projection."""


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
    """Read a checkpoint and fingerprint it; of an adapter, its updates.

    Memory stays at the largest tensor plus a constant and what each thread needs for one matrix. The answer is the same
    for any number of threads (None: one for every core), and on any device but for the bounds of the singular values.
    Raises WeightsError, CheckpointError, UnknownRank and DeviceUnavailable.
    """
    if rank not in RANKS:
        raise UnknownRank(rank=rank, ranks=", ".join(map(str, RANKS)))
    threads = threads or cores()
    where = chosen(device)
    layout = layout_of(checkpoint)
    require_projections(layout, checkpoint)
    timing = timing or Timing()
    with timing.stage("read"):
        stream = read_residual_stream(layout) if checkpoint.kind == "model" else ResidualStream(0)
    meter = Meter(rank, where, threads, timing, stream, gathering(where, threads), prove)
    halves = Halves(stream)
    with one_thread_each():
        measured, rest, histograms = read(meter, checkpoint, layout, halves, progress)
        adapter = None
        if checkpoint.kind == "adapter":
            measured, untouched = touched(measured, checkpoint.source)
            adapter = adapter_updates.facts(layout, untouched)
        check([each.matrix for each in measured], checkpoint.source, allow_nonfinite)
        measured, found = certified(meter, measured, remote=checkpoint.remote)
    pooled = (
        ()
        if adapter
        else tuple(Histogram(p, tuple(own.tolist())) for p, own in sorted(histograms.items()))
    )
    whole = assemble(
        checkpoint, layout, measured, rest, halves, rank=rank, clusterings=found, adapter=adapter
    )
    return replace(whole, histograms=pooled)


def read(
    meter: Meter, checkpoint: Checkpoint, layout: Layout, halves: Halves, progress: Progress | None
) -> tuple[list[Measured], list[Rest], Histograms]:
    """Every tensor that holds weights, once, in the order of the files: matrices by their place, then the others."""
    order = {entry.name: i for i, entry in enumerate(checkpoint.entries)}
    wanted: list[Wanted] = [
        *((site.entry, site) for site in layout.projections),
        *((entry, None) for entry in layout.others),
    ]
    wanted.sort(key=lambda pair: order[pair[0].name])
    measured: list[Measured] = []
    rest: list[Rest] = []
    histograms: Histograms = defaultdict(lambda: np.zeros(BINS, np.int64))
    for each in meter.measure(wanted, remote=checkpoint.remote, progress=progress):
        if isinstance(each, Rest):
            rest.append(each)
            continue
        measured.append(replace(each, half=None, histogram=None))
        if each.histogram is not None:
            histograms[each.matrix.projection] += each.histogram
        if each.half:
            halves.add(each.half)
    measured.sort(key=lambda each: (*place(each.matrix), order[each.site.entry.name], each.index))
    return measured, rest, histograms


def place(matrix: Matrix) -> tuple[int, int, int]:
    """Where a matrix stands among the others: by layer, projection and expert, those of no expert first."""
    return (
        matrix.layer,
        PROJECTIONS.index(matrix.projection),
        -1 if matrix.expert is None else matrix.expert,
    )


def touched(measured: list[Measured], source: str) -> tuple[list[Measured], tuple[str, ...]]:
    """The updates that change something, and the names of the weights whose update is zero. Raises UntrainedAdapter."""
    zero = {
        i
        for i, each in enumerate(measured)
        if not any(each.matrix.singular_values) and not each.matrix.nonfinite
    }
    if len(zero) == len(measured):
        raise UntrainedAdapter(source=source)
    kept = [each for i, each in enumerate(measured) if i not in zero]
    return kept, tuple(measured[i].matrix.tensor for i in sorted(zero))


def check(matrices: Sequence[Matrix], source: str, allow_nonfinite: bool) -> None:
    """Raises NonFiniteWeights unless allowed, and ZeroMatrix."""
    bad = [m for m in matrices if m.nonfinite]
    if bad and not allow_nonfinite:
        raise NonFiniteWeights(
            source=source, count=sum(m.nonfinite for m in bad), tensor=bad[0].tensor
        )
    for m in matrices:
        if not any(m.singular_values):  # all zero, or there was no finite value at all
            raise ZeroMatrix(tensor=m.tensor)


def assemble(
    checkpoint: Checkpoint,
    layout: Layout,
    measured: Sequence[Measured],
    rest: Sequence[Rest],
    halves: Halves,
    *,
    rank: int,
    clusterings: tuple[Clustering, ...],
    adapter: Adapter | None,
) -> Fingerprint:
    """The model's record from its matrices'."""
    matrices = [each.matrix for each in measured]
    pooled = [
        merge(each.moments for each in measured if each.matrix.projection == p) for p in PROJECTIONS
    ]
    widths = Counter(m.cols for m in matrices if m.projection not in ("output", "down"))
    return Fingerprint(
        version=VERSION,
        digest=content_digest(matrices, rest),
        architecture=layout.naming if checkpoint.architecture is None else checkpoint.architecture,
        dtype=Counter(site.entry.dtype.name for site in layout.projections).most_common(1)[0][0],
        stored=Counter(site.entry.stored for site in layout.projections).most_common(1)[0][0],
        parameters=sum(site.entry.count for site in layout.projections) + count_once(rest),
        layers=len({m.layer for m in matrices}),
        hidden_size=widths.most_common(1)[0][0] if widths else 0,
        projections=tuple(p for p in PROJECTIONS if any(m.projection == p for m in matrices)),
        std=ProjectionVector._make(stats.std for stats in pooled),
        rank=rank,
        clusterings=clusterings,
        matrices=tuple(matrices),
        nonfinite=sum(m.nonfinite for m in matrices),
        unknown=tuple(entry.name for entry in layout.unknown),
        adapter=adapter,
        branches=halves.branches(),
        spaces=spaces([(each.matrix, each.gram) for each in measured if each.gram is not None]),
        vocabulary=halves.stream.vocabulary,
        cast_digest=digest_of_cast(matrices, rest),
        start=together([each.start for each in measured if each.start is not None]),
    )


def together(images: Sequence[np.ndarray]) -> tuple[float, ...] | None:
    """The mean of images of length 1, scaled to length 1 itself."""
    return tuple(unit(np.sum(images, axis=0)).tolist()) if images else None


def count_once(rest: Sequence[Rest]) -> int:
    """Weights outside the projections; a matrix that is stored twice (tied embeddings) counts once."""
    tied = {each.digest: each.entry.count for each in rest if len(each.entry.shape) > 1}
    return sum(tied.values()) + sum(each.entry.count for each in rest if len(each.entry.shape) == 1)
