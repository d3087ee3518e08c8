"""From the statistics of all matrices to the fingerprint of the model. Pure."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from registry.architectures.layout import Layout
from registry.architectures.roles import PROJECTIONS
from registry.branches import Halves
from registry.checkpoints import Checkpoint
from registry.fingerprints import RANKS, VERSION, Adapter, Clustering, Fingerprint, Matrix
from registry.matrices import Measured, Rest
from registry.numerics.certainty import undetermined, unit_errors
from registry.numerics.clusters import Clusters, cluster
from registry.numerics.moments import merge
from registry.numerics.sketches import unit
from registry.numerics.spectrum import normalised
from registry.spaces import spaces


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
    pooled = [merge(each.moments for each in measured if each.matrix.projection == p) for p in PROJECTIONS]
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


def content_digest(matrices: Sequence[Matrix], rest: Sequence[Rest]) -> str:
    """SHA-256 over the digests of every weight: projections by their place, others by value alone, each once.

    The format, the sharding, the names and whether tied weights are stored twice leave it unchanged.
    """
    lines = {f"{m.layer} {m.projection} {m.digest}" for m in matrices if m.expert is None}
    lines |= {f"{m.layer} {m.projection} {m.expert} {m.digest}" for m in matrices if m.expert is not None}
    lines |= {f"other {each.digest}" for each in rest}
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def digest_of_cast(matrices: Sequence[Matrix], rest: Sequence[Rest]) -> str | None:
    """The content digest of the model in bf16; None where that is what it holds."""
    if not any(m.cast_digest for m in matrices) and not any(each.cast_digest for each in rest):
        return None
    cast = [replace(m, digest=m.cast_digest or m.digest) for m in matrices]
    return content_digest(cast, [replace(each, digest=each.cast_digest or each.digest) for each in rest])


def count_once(rest: Sequence[Rest]) -> int:
    """Weights outside the projections; a matrix that is stored twice (tied embeddings) counts once."""
    tied = {each.digest: each.entry.count for each in rest if len(each.entry.shape) > 1}
    return sum(tied.values()) + sum(each.entry.count for each in rest if len(each.entry.shape) == 1)


def clusterings(matrices: Sequence[Matrix], rank: int) -> tuple[Clustering, ...]:
    """The clustering vectors at all ranks up to that of the spectra."""
    return tuple(clustering(matrices, each) for each in RANKS if each <= rank)


def clustering(matrices: Sequence[Matrix], rank: int) -> Clustering:
    """The clustering vector at one rank (paper 2509.19122, 3.2)."""
    values = [m.singular_values for m in matrices]
    points = normalised(values, rank)
    two, three = cluster(points, 2), cluster(points, 3)
    labels = np.array(two.labels) == querys_cluster(matrices, two)
    errors = unit_errors(values, [m.bounds or () for m in matrices], rank)
    return Clustering(
        rank=rank,
        vector=tuple(share(labels, matrices, p) for p in PROJECTIONS),
        labels=tuple(labels.astype(int).tolist()),
        labels3=from_query(matrices, three),
        inertia=two.inertia,
        margin=min(two.margins),
        undetermined=undetermined(points, errors, two),
    )


def share(labels: np.ndarray, matrices: Sequence[Matrix], projection: str) -> float:
    """Mean label of one projection's matrices; 0 where there are none."""
    own = [label for label, m in zip(labels, matrices, strict=True) if m.projection == projection]
    return float(np.mean(own)) if own else 0.0


def querys_cluster(matrices: Sequence[Matrix], clusters: Clusters) -> int:
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


def from_query(matrices: Sequence[Matrix], clusters: Clusters) -> tuple[int, ...]:
    """Labels with Query's cluster as 0, the others in order of first appearance."""
    first = {querys_cluster(matrices, clusters): 0}
    return tuple(first.setdefault(label, len(first)) for label in clusters.labels)
