"""Clustering vectors: K-Means over the top singular values of all matrices, and which labels are certain."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from registry.architectures.roles import PROJECTIONS
from registry.fingerprints.matrix import Measured
from registry.fingerprints.meter import Meter
from registry.fingerprints.projection_vector import ProjectionVector
from registry.fingerprints.record import RANKS, Clustering, Matrix
from registry.numerics.kmeans import Clusters, cluster
from registry.numerics.label_certainty import undetermined, unit_errors
from registry.numerics.spectrum import TOLERANCE
from registry.numerics.unit_vectors import normalised

if TYPE_CHECKING:
    from registry.architectures.layout import ProjectionTensor


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
        vector=ProjectionVector._make(share(labels, matrices, p) for p in PROJECTIONS),
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
        own = [
            c for c, m in zip(clusters.labels, matrices, strict=True) if m.projection == projection
        ]
        ranked = Counter(own).most_common(2)
        if ranked and (len(ranked) == 1 or ranked[0][1] > ranked[1][1]):
            return ranked[0][0]
    return clusters.labels[0]


def from_query(matrices: Sequence[Matrix], clusters: Clusters) -> tuple[int, ...]:
    """Labels with Query's cluster as 0, the others in order of first appearance."""
    first = {querys_cluster(matrices, clusters): 0}
    return tuple(first.setdefault(label, len(first)) for label in clusters.labels)


FINE = TOLERANCE / 100  # of spectra that leave a label in doubt: float64 throughout


def certified(
    meter: Meter, measured: list[Measured], *, remote: bool
) -> tuple[list[Measured], tuple[Clustering, ...]]:
    """The clusterings, after the spectra that leave a label in doubt were computed again, as far as that helps."""
    found = clustered(meter, measured)
    done: set[int] = set()
    for everything in (
        False,
        True,
    ):  # at last all: centroids move with the errors of every spectrum
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


def tightened(
    meter: Meter, measured: Sequence[Measured], positions: Sequence[int], *, remote: bool
) -> list[Measured]:
    """The same with finer spectra at some positions."""
    better = list(measured)
    where = {(measured[i].site.entry.name, measured[i].index): i for i in positions}
    sites: defaultdict[str, list[int]] = defaultdict(list)
    for name, index in sorted(where):
        sites[name].append(index)
    wanted: list[tuple[ProjectionTensor, list[int]]] = [
        (measured[where[name, own[0]]].site, own) for name, own in sites.items()
    ]
    for site, index, spectrum in meter.tightened(wanted, FINE, remote=remote):
        position = where[site.entry.name, index]
        matrix = replace(
            measured[position].matrix, singular_values=spectrum.values, bounds=spectrum.bounds
        )
        better[position] = replace(measured[position], matrix=matrix)
    return better
