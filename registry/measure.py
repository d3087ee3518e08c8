"""Reads a checkpoint tensor by tensor and computes its fingerprint."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch

from registry import lora, updates
from registry.checkpoints import Checkpoint, Entry, Update
from registry.checkpoints.threads import ahead
from registry.errors import NonFiniteWeights, NoProjections, UntrainedAdapter, ZeroMatrix
from registry.fingerprints import PROJECTIONS, RANKS, VERSION, Adapter, Clustering, Fingerprint, Matrix, Progress
from registry.numerics.clusters import Clusters, cluster
from registry.numerics.digest import tensor_digest
from registry.numerics.moments import Moments, merge, moments
from registry.numerics.spectrum import normalised, top_singular_values
from registry.projections import Layout, Site, classify

Measured = list[tuple[Matrix, Moments]]


def compute(checkpoint: Checkpoint, *, allow_nonfinite: bool = False, progress: Progress | None = None) -> Fingerprint:
    """Read a checkpoint tensor by tensor and fingerprint it; of an adapter, its updates.

    One tensor is in memory at a time, two where they come over a network. Raises WeightsError and CheckpointError.
    """
    layout = arrange(checkpoint)
    measured: Measured = []
    rest: list[tuple[str, Entry]] = []
    for entry, site, tensor in read(checkpoint, layout, progress):
        if site is not None:
            measured += measure(site, tensor)
        elif isinstance(entry, Update):
            rest.append((lora.digest(entry), entry))
        elif tensor is not None:
            rest.append((tensor_digest(tensor).hex(), entry))
    measured.sort(key=lambda pair: place(pair[0]))
    adapter = None
    if checkpoint.kind == "adapter":
        measured, untouched = touched(measured, checkpoint.source)
        adapter = lora.facts(layout, untouched)
    check([matrix for matrix, _ in measured], checkpoint.source, allow_nonfinite)
    return assemble(checkpoint, layout, measured, rest, adapter)


def arrange(checkpoint: Checkpoint) -> Layout:
    """Find the projections. Raises NoProjections, CannotSplit."""
    adapts = checkpoint.kind == "adapter"
    layout = updates.layout(checkpoint) if adapts else classify(checkpoint.entries, checkpoint.config)
    if not layout.sites:
        names = [entry.name for entry in layout.unknown] or [entry.name for entry in checkpoint.entries]
        raise NoProjections(
            source=checkpoint.source, count=len(checkpoint.entries), examples=", ".join(names[:3]) or "none"
        )
    return layout


def touched(measured: Measured, source: str) -> tuple[Measured, tuple[str, ...]]:
    """The updates that change something, and the names of the weights whose update is zero. Raises UntrainedAdapter."""
    zero = [matrix for matrix, _ in measured if not any(matrix.singular_values) and not matrix.nonfinite]
    if len(zero) == len(measured):
        raise UntrainedAdapter(source=source)
    left_out = {id(matrix) for matrix in zero}
    return [pair for pair in measured if id(pair[0]) not in left_out], tuple(m.tensor for m in zero)


def read(
    checkpoint: Checkpoint, layout: Layout, progress: Progress | None
) -> Iterator[tuple[Entry, Site | None, torch.Tensor | None]]:
    """Every tensor that holds weights, once, in the order of the files; what is far away is fetched one ahead."""
    order = {entry.name: i for i, entry in enumerate(checkpoint.entries)}
    wanted = [*((site.entry, site) for site in layout.sites), *((entry, None) for entry in layout.others)]
    wanted.sort(key=lambda pair: order[pair[0].name])
    loads = [partial(content, entry) for entry, _ in wanted]
    tensors = ahead(loads) if checkpoint.remote else (load() for load in loads)
    for done, ((entry, site), tensor) in enumerate(zip(wanted, tensors, strict=True), 1):
        yield entry, site, tensor
        if progress:
            progress(done, len(wanted), entry.nbytes)


def content(entry: Entry) -> torch.Tensor | None:
    """The tensor of an entry; None for an update, which is measured from its factors, if it has some."""
    if isinstance(entry, Update):
        return None if entry.factors else entry.exact()
    return entry.load()


def place(matrix: Matrix) -> tuple[int, int, int]:
    """Where a matrix stands among the others: by layer, projection and expert, those of no expert first."""
    return matrix.layer, PROJECTIONS.index(matrix.projection), -1 if matrix.expert is None else matrix.expert


def measure(site: Site, tensor: torch.Tensor | None) -> Measured:
    """Statistics of each projection in one tensor, or in one update that is measured from its factors."""
    entry = site.entry
    found = lora.statistics(site, entry) if isinstance(entry, Update) and entry.factors else dense(site, tensor)
    return [(describe(site, i, each), each[1]) for i, each in enumerate(found)]


def dense(site: Site, tensor: torch.Tensor | None) -> Iterator[lora.Statistics]:
    """Statistics of each projection in a tensor that is at hand entry by entry."""
    assert tensor is not None
    for matrix in site.cut(tensor):
        shape = matrix.shape[0], matrix.shape[1]
        yield shape, moments(matrix), tensor_digest(matrix).hex(), top_singular_values(matrix, max(RANKS)).values


def describe(site: Site, i: int, found: lora.Statistics) -> Matrix:
    """The record of the i-th projection matrix of a site."""
    shape, stats, digest, singular_values = found
    return Matrix(
        layer=site.layer,
        projection=site.parts[i],
        tensor=site.entry.name,
        rows=shape[0],
        cols=shape[1],
        mean=stats.mean,
        std=stats.std,
        skewness=known(stats.skewness),
        kurtosis=known(stats.kurtosis),
        min=known(stats.min),
        max=known(stats.max),
        nonfinite=stats.nonfinite,
        digest=digest,
        singular_values=singular_values,
        expert=site.experts[i],
    )


def known(value: float) -> float | None:
    """None for what was not computed."""
    return None if math.isnan(value) else value


def check(matrices: list[Matrix], source: str, allow_nonfinite: bool) -> None:
    """Raises NonFiniteWeights unless allowed, and ZeroMatrix."""
    bad = [m for m in matrices if m.nonfinite]
    if bad and not allow_nonfinite:
        raise NonFiniteWeights(source=source, count=sum(m.nonfinite for m in bad), tensor=bad[0].tensor)
    for m in matrices:
        if not any(m.singular_values):  # all zero, or there was no finite value at all
            raise ZeroMatrix(tensor=m.tensor)


def assemble(
    checkpoint: Checkpoint,
    layout: Layout,
    measured: Measured,
    rest: list[tuple[str, Entry]],
    adapter: Adapter | None,
) -> Fingerprint:
    """The model's record from its matrices'."""
    matrices = [matrix for matrix, _ in measured]
    pooled = [merge(stats for m, stats in measured if m.projection == p) for p in PROJECTIONS]
    widths = Counter(m.cols for m in matrices if m.projection not in ("output", "down"))
    return Fingerprint(
        version=VERSION,
        digest=content_digest(matrices, rest),
        architecture=layout.naming if checkpoint.architecture is None else checkpoint.architecture,
        dtype=Counter(site.entry.dtype.name for site in layout.sites).most_common(1)[0][0],
        stored=Counter(site.entry.stored for site in layout.sites).most_common(1)[0][0],
        parameters=sum(site.entry.count for site in layout.sites) + count_once(rest),
        layers=len({m.layer for m in matrices}),
        hidden_size=widths.most_common(1)[0][0] if widths else 0,
        projections=tuple(p for p in PROJECTIONS if any(m.projection == p for m in matrices)),
        std=tuple(stats.std for stats in pooled),
        clusterings=tuple(clustering(matrices, rank) for rank in RANKS),
        matrices=tuple(matrices),
        nonfinite=sum(m.nonfinite for m in matrices),
        unknown=tuple(entry.name for entry in layout.unknown),
        adapter=adapter,
    )


def content_digest(matrices: list[Matrix], rest: list[tuple[str, Entry]]) -> str:
    """SHA-256 over the digests of every weight: projections by their place, others by value alone, each once.

    The format, the sharding, the names and whether tied weights are stored twice leave it unchanged.
    """
    lines = {f"{m.layer} {m.projection} {m.digest}" for m in matrices if m.expert is None}
    lines |= {f"{m.layer} {m.projection} {m.expert} {m.digest}" for m in matrices if m.expert is not None}
    lines |= {f"other {digest}" for digest, _ in rest}
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def count_once(rest: list[tuple[str, Entry]]) -> int:
    """Weights outside the projections; a matrix that is stored twice (tied embeddings) counts once."""
    tied = {digest: entry.count for digest, entry in rest if len(entry.shape) > 1}
    return sum(tied.values()) + sum(entry.count for _, entry in rest if len(entry.shape) == 1)


def clustering(matrices: list[Matrix], rank: int) -> Clustering:
    """The clustering vector at one rank (paper 2509.19122, 3.2)."""
    points = normalised([m.singular_values for m in matrices], rank)
    two, three = cluster(points, 2), cluster(points, 3)
    labels = np.array(two.labels) == querys_cluster(matrices, two)
    return Clustering(
        rank=rank,
        vector=tuple(share(labels, matrices, p) for p in PROJECTIONS),
        labels=tuple(labels.astype(int).tolist()),
        labels3=from_query(matrices, three),
        inertia=two.inertia,
        margin=min(two.margins),
    )


def share(labels: np.ndarray, matrices: list[Matrix], projection: str) -> float:
    """Mean label of one projection's matrices; 0 where there are none."""
    own = [label for label, m in zip(labels, matrices, strict=True) if m.projection == projection]
    return float(np.mean(own)) if own else 0.0


def querys_cluster(matrices: list[Matrix], clusters: Clusters) -> int:
    """The cluster that most Query matrices are in.

    On a tie the one with more Key matrices, then Value and so on in the papers' order; at last the cluster of the
    first matrix.
    """
    for projection in PROJECTIONS:
        own = [c for c, m in zip(clusters.labels, matrices, strict=True) if m.projection == projection]
        ranked = Counter(own).most_common(2)
        if ranked and (len(ranked) == 1 or ranked[0][1] > ranked[1][1]):
            return ranked[0][0]
    return clusters.labels[0]


def from_query(matrices: list[Matrix], clusters: Clusters) -> tuple[int, ...]:
    """Labels with Query's cluster as 0, the others in order of first appearance."""
    first = {querys_cluster(matrices, clusters): 0}
    return tuple(first.setdefault(label, len(first)) for label in clusters.labels)
