"""The fingerprint of a model: computed from the weights alone, frozen, comparable within one version."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch

from registry.checkpoints import Checkpoint, Entry
from registry.errors import NonFiniteWeights, NoProjections, ZeroMatrix
from registry.numerics.clusters import Clusters, cluster
from registry.numerics.digest import tensor_digest
from registry.numerics.moments import Moments, merge, moments
from registry.numerics.spectrum import normalised, top_singular_values
from registry.projections import PROJECTIONS, Layout, Site, classify

VERSION = 1
RANKS = (16, 64)

Progress = Callable[[int, int, int], None]
"""Called after each tensor with (tensors done, tensors in all, bytes of the tensor)."""


@dataclass(frozen=True)
class Matrix:
    """One projection matrix: rows x cols, outputs x inputs. singular_values: the largest max(RANKS), falling."""

    layer: int
    projection: str
    tensor: str
    rows: int
    cols: int
    moments: Moments
    digest: str
    singular_values: tuple[float, ...]


@dataclass(frozen=True)
class Clustering:
    """K-Means over the spectra of all matrices, cut to `rank` values (paper 2509.19122, 3.1 and 3.2).

    vector: per projection the share of matrices in Query's cluster; 0 where the projection is missing.
    labels: per matrix, 1 for Query's cluster. labels3: the same for k = 3 clusters, numbered from Query's on.
    margin: the smallest distance of a spectrum to the boundary between the two clusters.
    """

    rank: int
    vector: tuple[float, ...]
    labels: tuple[int, ...]
    labels3: tuple[int, ...]
    inertia: float
    margin: float


@dataclass(frozen=True)
class Fingerprint:
    """What the registry stores of a model.

    projections: those present, in the papers' order. std: population standard deviation of all weights of a
    projection, pooled over layers (paper 2509.19122, 2.2); 0 where the projection is missing.
    clusterings: one per rank. matrices: in the order of layers and projections; labels follow the same order.
    unknown: names of matrices that no rule knows. short: matrices with fewer than max(RANKS) singular values.
    """

    version: int
    digest: str
    architecture: str
    dtype: str
    parameters: int
    layers: int
    hidden_size: int
    projections: tuple[str, ...]
    std: tuple[float, ...]
    clusterings: tuple[Clustering, ...]
    matrices: tuple[Matrix, ...]
    nonfinite: int
    unknown: tuple[str, ...]

    @property
    def std_vector(self) -> tuple[float, ...]:
        """The standard deviations scaled to unit length."""
        return tuple((np.array(self.std) / np.linalg.norm(self.std)).tolist())

    @property
    def short(self) -> tuple[str, ...]:
        """Tensors whose matrices are smaller than the largest rank, so that fewer singular values exist."""
        return tuple(m.tensor for m in self.matrices if len(m.singular_values) < max(RANKS))


def compute(
    checkpoint: Checkpoint, *, allow_nonfinite: bool = False, progress: Progress | None = None
) -> Fingerprint:
    """Read a checkpoint tensor by tensor and fingerprint it.

    One tensor is in memory at a time. Raises WeightsError and CheckpointError.
    """
    layout = classify(checkpoint.entries, checkpoint.config)
    if not layout.sites:
        names = [entry.name for entry in layout.unknown] or [entry.name for entry in checkpoint.entries]
        raise NoProjections(
            source=checkpoint.source, count=len(checkpoint.entries), examples=", ".join(names[:3]) or "none"
        )
    matrices: list[Matrix] = []
    rest: list[tuple[str, int]] = []
    for entry, site in reading_order(checkpoint, layout, progress):
        tensor = entry.load()
        if site is None:
            rest.append((tensor_digest(tensor).hex(), entry.count))
        else:
            matrices += measure(site, tensor)
    matrices.sort(key=lambda m: (m.layer, PROJECTIONS.index(m.projection)))
    check_finite(checkpoint.source, matrices, allow_nonfinite)
    return assemble(checkpoint, layout, matrices, rest)


def reading_order(
    checkpoint: Checkpoint, layout: Layout, progress: Progress | None
) -> Iterable[tuple[Entry, Site | None]]:
    """Every tensor that holds weights, once, in the order of the files."""
    sites: dict[str, Site | None] = {site.entry.name: site for site in layout.sites}
    wanted = sites.keys() | {entry.name for entry in layout.others}
    entries = [entry for entry in checkpoint.entries if entry.name in wanted]
    for done, entry in enumerate(entries, 1):
        yield entry, sites.get(entry.name)
        if progress:
            progress(done, len(entries), entry.nbytes)


def measure(site: Site, tensor: torch.Tensor) -> list[Matrix]:
    """Statistics of each projection in one tensor. Raises ZeroMatrix."""
    found = []
    for projection, matrix in zip(site.parts, site.cut(tensor), strict=True):
        stats = moments(matrix)
        if stats.max == stats.min == 0 or not (stats.count or stats.nonfinite):
            raise ZeroMatrix(tensor=site.entry.name)
        spectrum = top_singular_values(matrix, max(RANKS))
        digest = tensor_digest(matrix).hex()
        found.append(
            Matrix(site.layer, projection, site.entry.name, *map(int, matrix.shape), stats, digest, spectrum)
        )
    return found


def check_finite(source: str, matrices: list[Matrix], allowed: bool) -> None:
    """NaN and infinities are an error unless they were allowed."""
    bad = [m for m in matrices if m.moments.nonfinite]
    if bad and not allowed:
        count = sum(m.moments.nonfinite for m in bad)
        raise NonFiniteWeights(source=source, count=count, tensor=bad[0].tensor)


def assemble(
    checkpoint: Checkpoint, layout: Layout, matrices: list[Matrix], rest: list[tuple[str, int]]
) -> Fingerprint:
    """The model's record from its matrices'."""
    pooled = {p: merge(m.moments for m in matrices if m.projection == p) for p in PROJECTIONS}
    widths = Counter(m.cols for m in matrices if m.projection in ("query", "key", "value", "gate", "up"))
    return Fingerprint(
        version=VERSION,
        digest=content_digest(matrices, rest),
        architecture=architecture(checkpoint, layout),
        dtype=Counter(str(site.entry.dtype).removeprefix("torch.") for site in layout.sites).most_common(1)[0][0],
        parameters=sum(m.rows * m.cols for m in matrices) + sum(count for _, count in set(rest)),
        layers=len({m.layer for m in matrices}),
        hidden_size=widths.most_common(1)[0][0] if widths else 0,
        projections=tuple(p for p in PROJECTIONS if any(m.projection == p for m in matrices)),
        std=tuple(pooled[p].std for p in PROJECTIONS),
        clusterings=tuple(clustering(matrices, rank) for rank in RANKS),
        matrices=tuple(matrices),
        nonfinite=sum(m.moments.nonfinite for m in matrices),
        unknown=tuple(entry.name for entry in layout.unknown),
    )


def content_digest(matrices: list[Matrix], rest: list[tuple[str, int]]) -> str:
    """SHA-256 over the digests of every weight: projections by their place, others by value alone, each once.

    The format, the sharding, the names and whether tied weights are stored twice leave it unchanged.
    """
    lines = {f"{m.layer} {m.projection} {m.digest}" for m in matrices} | {f"other {digest}" for digest, _ in rest}
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


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
