"""Computes the fingerprint of a checkpoint."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from registry import lora
from registry.architectures.adapter_layout import arrange
from registry.architectures.layout import Layout, Site
from registry.architectures.residual_stream import Stream, read_stream
from registry.architectures.roles import PROJECTIONS
from registry.assemble import assemble, clusterings
from registry.branches import Halves
from registry.checkpoints import Checkpoint
from registry.errors import NonFiniteWeights, UnknownRank, UntrainedAdapter, ZeroMatrix
from registry.fingerprints import RANK, RANKS, Clustering, Fingerprint, Histogram, Matrix, Progress
from registry.machine import chosen, cores, gathering, one_thread_each
from registry.matrices import Measured, Meter, Rest, Wanted
from registry.numerics.histograms import BINS
from registry.numerics.spectrum import TOLERANCE
from registry.timing import Timing

Histograms = dict[str, np.ndarray]
"""Counts by bin, of every projection."""
FINE = TOLERANCE / 100  # of spectra that leave a label in doubt: float64 throughout


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
    layout = arrange(checkpoint)
    timing = timing or Timing()
    with timing.stage("read"):
        stream = read_stream(layout) if checkpoint.kind == "model" else Stream(0)
    meter = Meter(rank, where, threads, timing, stream, gathering(where, threads), prove)
    halves = Halves(stream)
    with one_thread_each():
        measured, rest, histograms = read(meter, checkpoint, layout, halves, progress)
        adapter = None
        if checkpoint.kind == "adapter":
            measured, untouched = touched(measured, checkpoint.source)
            adapter = lora.facts(layout, untouched)
        check([each.matrix for each in measured], checkpoint.source, allow_nonfinite)
        measured, found = certified(meter, measured, remote=checkpoint.remote)
    pooled = () if adapter else tuple(Histogram(p, tuple(own.tolist())) for p, own in sorted(histograms.items()))
    whole = assemble(checkpoint, layout, measured, rest, halves, rank=rank, clusterings=found, adapter=adapter)
    return replace(whole, histograms=pooled)


def read(
    meter: Meter, checkpoint: Checkpoint, layout: Layout, halves: Halves, progress: Progress | None
) -> tuple[list[Measured], list[Rest], Histograms]:
    """Every tensor that holds weights, once, in the order of the files: matrices by their place, then the others."""
    order = {entry.name: i for i, entry in enumerate(checkpoint.entries)}
    wanted: list[Wanted] = [*((site.entry, site) for site in layout.sites), *((entry, None) for entry in layout.others)]
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
    return matrix.layer, PROJECTIONS.index(matrix.projection), -1 if matrix.expert is None else matrix.expert


def touched(measured: list[Measured], source: str) -> tuple[list[Measured], tuple[str, ...]]:
    """The updates that change something, and the names of the weights whose update is zero. Raises UntrainedAdapter."""
    zero = {i for i, each in enumerate(measured) if not any(each.matrix.singular_values) and not each.matrix.nonfinite}
    if len(zero) == len(measured):
        raise UntrainedAdapter(source=source)
    kept = [each for i, each in enumerate(measured) if i not in zero]
    return kept, tuple(measured[i].matrix.tensor for i in sorted(zero))


def check(matrices: Sequence[Matrix], source: str, allow_nonfinite: bool) -> None:
    """Raises NonFiniteWeights unless allowed, and ZeroMatrix."""
    bad = [m for m in matrices if m.nonfinite]
    if bad and not allow_nonfinite:
        raise NonFiniteWeights(source=source, count=sum(m.nonfinite for m in bad), tensor=bad[0].tensor)
    for m in matrices:
        if not any(m.singular_values):  # all zero, or there was no finite value at all
            raise ZeroMatrix(tensor=m.tensor)


def certified(meter: Meter, measured: list[Measured], *, remote: bool) -> tuple[list[Measured], tuple[Clustering, ...]]:
    """The clusterings, after the spectra that leave a label in doubt were computed again, as far as that helps."""
    found = clustered(meter, measured)
    done: set[int] = set()
    for everything in (False, True):  # at last all: centroids move with the errors of every spectrum
        doubtful = {position for each in found for position in each.undetermined or ()}
        concerned = set(range(len(measured))) if doubtful and everything else doubtful
        again = [i for i in sorted(concerned - done) if coarse(measured[i].matrix)]
        if again:
            measured = tightened(meter, measured, again, remote=remote)
            found = clustered(meter, measured)
            done |= set(again)
    return measured, found


def clustered(meter: Meter, measured: Sequence[Measured]) -> tuple[Clustering, ...]:
    """The clusterings of all matrices."""
    with meter.timing.stage("K-Means"):
        return clusterings([each.matrix for each in measured], meter.rank)


def coarse(matrix: Matrix) -> bool:
    """Whether its bounds would shrink at the finer tolerance."""
    return max(matrix.bounds or (), default=0.0) > FINE * matrix.singular_values[0]


def tightened(meter: Meter, measured: Sequence[Measured], positions: Sequence[int], *, remote: bool) -> list[Measured]:
    """The same with finer spectra at some positions."""
    better = list(measured)
    where = {(measured[i].site.entry.name, measured[i].index): i for i in positions}
    sites: defaultdict[str, list[int]] = defaultdict(list)
    for name, index in sorted(where):
        sites[name].append(index)
    wanted: list[tuple[Site, list[int]]] = [(measured[where[name, own[0]]].site, own) for name, own in sites.items()]
    for site, index, spectrum in meter.tightened(wanted, FINE, remote=remote):
        position = where[site.entry.name, index]
        matrix = replace(measured[position].matrix, singular_values=spectrum.values, bounds=spectrum.bounds)
        better[position] = replace(measured[position], matrix=matrix)
    return better
