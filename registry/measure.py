"""Reads a checkpoint tensor by tensor and computes its fingerprint."""

import hashlib
from collections import Counter
from collections.abc import Iterator

import numpy as np
import torch

from registry.checkpoints import Checkpoint, Entry
from registry.checkpoints.threads import ahead
from registry.errors import NonFiniteWeights, NoProjections, ZeroMatrix
from registry.fingerprints import PROJECTIONS, RANKS, VERSION, Clustering, Fingerprint, Matrix, Progress
from registry.numerics.clusters import Clusters, cluster
from registry.numerics.digest import tensor_digest
from registry.numerics.moments import Moments, merge, moments
from registry.numerics.spectrum import normalised, top_singular_values
from registry.projections import Layout, Site, classify


def compute(checkpoint: Checkpoint, *, allow_nonfinite: bool = False, progress: Progress | None = None) -> Fingerprint:
    """Read a checkpoint tensor by tensor and fingerprint it.

    One tensor is in memory at a time, two where they come over a network. Raises WeightsError and CheckpointError.
    """
    layout = classify(checkpoint.entries, checkpoint.config)
    if not layout.sites:
        names = [entry.name for entry in layout.unknown] or [entry.name for entry in checkpoint.entries]
        raise NoProjections(
            source=checkpoint.source, count=len(checkpoint.entries), examples=", ".join(names[:3]) or "none"
        )
    measured: list[tuple[Matrix, Moments]] = []
    rest: list[tuple[str, Entry]] = []
    for entry, site, tensor in read(checkpoint, layout, progress):
        if site is None:
            rest.append((tensor_digest(tensor).hex(), entry))
        else:
            measured += measure(site, tensor)
    measured.sort(key=lambda pair: place(pair[0]))
    check([matrix for matrix, _ in measured], checkpoint.source, allow_nonfinite)
    return assemble(checkpoint, layout, measured, rest)


def read(
    checkpoint: Checkpoint, layout: Layout, progress: Progress | None
) -> Iterator[tuple[Entry, Site | None, torch.Tensor]]:
    """Every tensor that holds weights, once, in the order of the files; what is far away is fetched one ahead."""
    order = {entry.name: i for i, entry in enumerate(checkpoint.entries)}
    wanted = [*((site.entry, site) for site in layout.sites), *((entry, None) for entry in layout.others)]
    wanted.sort(key=lambda pair: order[pair[0].name])
    loads = [entry.load for entry, _ in wanted]
    tensors = ahead(loads) if checkpoint.remote else (load() for load in loads)
    for done, ((entry, site), tensor) in enumerate(zip(wanted, tensors, strict=True), 1):
        yield entry, site, tensor
        if progress:
            progress(done, len(wanted), entry.nbytes)


def place(matrix: Matrix) -> tuple[int, int, int]:
    """Where a matrix stands among the others: by layer, projection and expert, those of no expert first."""
    return matrix.layer, PROJECTIONS.index(matrix.projection), -1 if matrix.expert is None else matrix.expert


def measure(site: Site, tensor: torch.Tensor) -> list[tuple[Matrix, Moments]]:
    """Statistics of each projection in one tensor."""
    return [
        (describe(site, projection, expert, matrix, stats := moments(matrix)), stats)
        for projection, expert, matrix in zip(site.parts, site.experts, site.cut(tensor), strict=True)
    ]


def describe(site: Site, projection: str, expert: int | None, matrix: torch.Tensor, stats: Moments) -> Matrix:
    """The record of one projection matrix."""
    return Matrix(
        layer=site.layer,
        projection=projection,
        tensor=site.entry.name,
        rows=matrix.shape[0],
        cols=matrix.shape[1],
        mean=stats.mean,
        std=stats.std,
        skewness=stats.skewness,
        kurtosis=stats.kurtosis,
        min=stats.min,
        max=stats.max,
        nonfinite=stats.nonfinite,
        digest=tensor_digest(matrix).hex(),
        singular_values=top_singular_values(matrix, max(RANKS)),
        expert=expert,
    )


def check(matrices: list[Matrix], source: str, allow_nonfinite: bool) -> None:
    """Raises NonFiniteWeights unless allowed, and ZeroMatrix."""
    bad = [m for m in matrices if m.nonfinite]
    if bad and not allow_nonfinite:
        raise NonFiniteWeights(source=source, count=sum(m.nonfinite for m in bad), tensor=bad[0].tensor)
    for m in matrices:
        if m.min == m.max == 0 or m.min > m.max:  # min > max: there was no finite value at all
            raise ZeroMatrix(tensor=m.tensor)


def assemble(
    checkpoint: Checkpoint,
    layout: Layout,
    measured: list[tuple[Matrix, Moments]],
    rest: list[tuple[str, Entry]],
) -> Fingerprint:
    """The model's record from its matrices'."""
    matrices = [matrix for matrix, _ in measured]
    pooled = [merge(stats for m, stats in measured if m.projection == p) for p in PROJECTIONS]
    widths = Counter(m.cols for m in matrices if m.projection not in ("output", "down"))
    return Fingerprint(
        version=VERSION,
        digest=content_digest(matrices, rest),
        architecture=architecture(checkpoint, layout),
        dtype=Counter(str(site.entry.dtype).removeprefix("torch.") for site in layout.sites).most_common(1)[0][0],
        stored=Counter(site.entry.stored for site in layout.sites).most_common(1)[0][0],
        parameters=sum(m.rows * m.cols for m in matrices) + count_once(rest),
        layers=len({m.layer for m in matrices}),
        hidden_size=widths.most_common(1)[0][0] if widths else 0,
        projections=tuple(p for p in PROJECTIONS if any(m.projection == p for m in matrices)),
        std=tuple(stats.std for stats in pooled),
        clusterings=tuple(clustering(matrices, rank) for rank in RANKS),
        matrices=tuple(matrices),
        nonfinite=sum(m.nonfinite for m in matrices),
        unknown=tuple(entry.name for entry in layout.unknown),
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


def architecture(checkpoint: Checkpoint, layout: Layout) -> str:
    """What the config calls itself, else the naming of the tensors."""
    names = checkpoint.config.get("architectures")
    told = names[0] if isinstance(names, list) and names else checkpoint.config.get("model_type")
    return told if isinstance(told, str) else layout.naming


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
