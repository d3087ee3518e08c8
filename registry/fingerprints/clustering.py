"""Clustering vectors: K-Means over the top-r singular values of all matrices, with certain labels.

Spectra are known up to bounds. Where these leave the label of a matrix in doubt, its spectrum is
computed again to a finer tolerance, and everything is clustered again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from registry.architectures.roles import PROJECTIONS
from registry.fingerprints.matrix import MeasuredMatrix
from registry.fingerprints.meter import Meter
from registry.fingerprints.progress import Reports, work_of_finer
from registry.fingerprints.projection_vector import ProjectionVector
from registry.fingerprints.record import RANKS, Clustering, Matrix
from registry.fingerprints.wanted import WantedMatrices
from registry.numerics.kmeans import Clusters, cluster
from registry.numerics.label_certainty import undetermined, unit_errors
from registry.numerics.spectrum import TOLERANCE, Spectrum
from registry.numerics.unit_vectors import normalised

FINE = TOLERANCE / 100  # of spectra that leave a label in doubt: float64 throughout


@dataclass(frozen=True)
class Clustered:
    """Matrices and their clusterings.

    Attributes:
        matrices: as they were given, some with finer spectra.
        clusterings: one for each of RANKS up to the rank of the spectra.
    """

    matrices: list[MeasuredMatrix]
    clusterings: tuple[Clustering, ...]


def cluster_with_certainty(
    meter: Meter, matrices: Sequence[MeasuredMatrix], reports: Reports, *, remote: bool
) -> Clustered:
    """Cluster matrices, refining spectra that leave a label in doubt as far as that helps.

    First the spectra of the doubtful matrices are refined; if doubt remains then those of all, for
    centroids move with the errors of every spectrum. What is in doubt even then is stated in
    `Clustering.undetermined`.
    """
    matrices = list(matrices)
    clusterings = clustered(meter, matrices)
    refined: set[int] = set()
    for refine_all in (False, True):
        doubtful = doubtful_positions(clusterings)
        if refine_all and doubtful:
            doubtful = set(range(len(matrices)))

        coarse = [i for i in doubtful - refined if is_coarse(matrices[i].record)]
        if coarse:
            wanted = wanted_matrices([matrices[i] for i in sorted(coarse)])
            reports.expect(sum(map(work_of_finer, wanted)))
            matrices = with_finer_spectra(meter, matrices, wanted, reports, remote=remote)
            clusterings = clustered(meter, matrices)
            refined.update(coarse)
    return Clustered(matrices, clusterings)


def clustered(meter: Meter, matrices: Sequence[MeasuredMatrix]) -> tuple[Clustering, ...]:
    """Return the clusterings of all matrices, on the meter's clock."""
    with meter.timing.stage("K-Means"):
        records = [matrix.record for matrix in matrices]
        return clusterings_to_rank(records, meter.options.rank)


def doubtful_positions(clusterings: Iterable[Clustering]) -> set[int]:
    """Return the positions of the matrices whose label is in doubt at any rank."""
    positions: set[int] = set()
    for clustering in clusterings:
        positions.update(clustering.undetermined or ())
    return positions


def is_coarse(matrix: Matrix) -> bool:
    """Return whether a matrix's bounds would shrink at the finer tolerance."""
    largest_bound = max(matrix.bounds or (), default=0.0)
    return largest_bound > FINE * matrix.singular_values[0]


def wanted_matrices(matrices: Iterable[MeasuredMatrix]) -> list[WantedMatrices]:
    """Return what is to be read again to measure some matrices once more."""
    indices: defaultdict[str, list[int]] = defaultdict(list)
    tensors = {}
    for matrix in matrices:
        place = matrix.place
        indices[place.tensor_name].append(place.index)
        tensors[place.tensor_name] = place.tensor
    return [WantedMatrices(tensors[name], sorted(indices[name])) for name in sorted(tensors)]


def with_finer_spectra(
    meter: Meter,
    matrices: Sequence[MeasuredMatrix],
    wanted: Sequence[WantedMatrices],
    reports: Reports,
    *,
    remote: bool,
) -> list[MeasuredMatrix]:
    """Return the matrices, those that are wanted with spectra computed to the finer tolerance."""
    work = {one.tensor.entry.name: work_of_finer(one) / len(one.indices) for one in wanted}
    finer = {}
    for place, spectrum in meter.refine(wanted, FINE, remote=remote):
        finer[place.tensor_name, place.index] = spectrum
        reports.add(work[place.tensor_name])

    def refined(matrix: MeasuredMatrix) -> MeasuredMatrix:
        spectrum = finer.get((matrix.place.tensor_name, matrix.place.index))
        return matrix if spectrum is None else with_spectrum(matrix, spectrum)

    return [refined(matrix) for matrix in matrices]


def with_spectrum(matrix: MeasuredMatrix, spectrum: Spectrum) -> MeasuredMatrix:
    """Return a matrix with other singular values and bounds."""
    record = replace(matrix.record, singular_values=spectrum.values, bounds=spectrum.bounds)
    return replace(matrix, record=record)


def clusterings_to_rank(matrices: Sequence[Matrix], rank: int) -> tuple[Clustering, ...]:
    """Return the clusterings at each of RANKS up to `rank`."""
    return tuple(clustering(matrices, smaller) for smaller in RANKS if smaller <= rank)


def clustering(matrices: Sequence[Matrix], rank: int) -> Clustering:
    """Cluster the spectra of all matrices, cut to `rank` values (paper 2509.19122, 3.1 and 3.2)."""
    spectra = [matrix.singular_values for matrix in matrices]
    bounds = [matrix.bounds or () for matrix in matrices]
    points = normalised(spectra, rank)
    two = cluster(points, 2)
    three = cluster(points, 3)

    in_query_cluster = np.array(two.labels) == query_cluster(matrices, two)
    errors = unit_errors(spectra, bounds, rank)
    return Clustering(
        rank=rank,
        vector=cluster_vector(matrices, in_query_cluster),
        labels=tuple(in_query_cluster.astype(int).tolist()),
        labels3=labels_from_query(matrices, three),
        inertia=two.inertia,
        margin=min(two.margins),
        undetermined=undetermined(points, errors, two),
    )


def cluster_vector(matrices: Sequence[Matrix], in_query_cluster: np.ndarray) -> ProjectionVector:
    """Return the share of each projection's matrices that are in Query's cluster."""
    labels: dict[str, list[bool]] = {projection: [] for projection in PROJECTIONS}
    for matrix, label in zip(matrices, in_query_cluster, strict=True):
        labels[matrix.projection].append(label)

    return ProjectionVector._make(mean_label(labels[projection]) for projection in PROJECTIONS)


def mean_label(labels: Sequence[bool]) -> float:
    """Return the share of labels that are true; 0 where there are none."""
    return float(np.mean(labels)) if labels else 0.0


def query_cluster(matrices: Sequence[Matrix], clusters: Clusters) -> int:
    """Return the cluster that most Query matrices are in.

    On a tie the one with more Key matrices, then Value and so on in the papers' order; at last the
    cluster of the first matrix.
    """
    for projection in PROJECTIONS:
        counts: Counter[int] = Counter()
        for matrix, label in zip(matrices, clusters.labels, strict=True):
            if matrix.projection == projection:
                counts[label] += 1

        ranked = counts.most_common(2)
        if len(ranked) == 1:
            return ranked[0][0]
        if ranked and ranked[0][1] > ranked[1][1]:
            return ranked[0][0]
    return clusters.labels[0]


def labels_from_query(matrices: Sequence[Matrix], clusters: Clusters) -> tuple[int, ...]:
    """Return labels with Query's cluster as 0, the others in order of first appearance."""
    numbers = {query_cluster(matrices, clusters): 0}
    return tuple(numbers.setdefault(label, len(numbers)) for label in clusters.labels)
