"""The numbers of every figure, as a table: what a spreadsheet reads. Imports no matplotlib."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from registry.architectures.roles import PROJECTIONS
from registry.characteristic.laws import law_of
from registry.characteristic.vectors import all_vectors, cosine_distances, vectors
from registry.figures.figure_data import (
    GENERATED_SHOWN,
    NamedDistances,
    all_distances,
    clustering,
    generated_pair,
    in_order,
    mean_spectra,
    path_plane,
    principal_plane,
    projection_pairs,
    steps_of,
    weight_densities,
)
from registry.figures.kinds import Subject, arguments
from registry.figures.layer_drift import LayerDrift

if TYPE_CHECKING:
    from registry.figures.atlas_map import AtlasMap
    from registry.figures.benchmark_figures import LossCurves
    from registry.figures.family_tree import FamilyTree
    from registry.figures.kinds import Models

Row = Sequence[object]
BINS = 48  # of a histogram of distances


@dataclass(frozen=True)
class Table:
    """Columns and rows of a figure's numbers."""

    columns: tuple[str, ...]
    rows: list[Row]


def as_table(kind: str, subject: Subject) -> Table:
    """Return the numbers of a figure. Raises NothingToDraw, CharacteristicError."""
    columns, rows = TABLES[kind]
    return Table(columns, list(rows(*arguments(kind, subject))))


def as_csv(kind: str, subject: Subject) -> str:
    """Return the numbers of a figure as CSV. Raises NothingToDraw, CharacteristicError."""
    table = as_table(kind, subject)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow([written(value) for value in row])
    return text.getvalue()


def written(value: object) -> object:
    """Return a value as a cell holds it: numbers with nine digits, nothing for None."""
    if isinstance(value, float | np.floating):
        return f"{value:.9g}"
    return value


def densities(models: "Models") -> Iterator[Row]:
    """Yield points of the density of every projection's weights."""
    for name, fingerprint in models:
        for projection, density in weight_densities(name, fingerprint).items():
            for point, value in zip(density.points, density.values, strict=True):
                yield name, projection, float(point), float(value)


def std(models: "Models") -> Iterator[Row]:
    """Yield every projection's standard deviation, and that over the largest."""
    for name, fingerprint in models:
        largest = max(fingerprint.std)
        for projection, value in zip(PROJECTIONS, fingerprint.std, strict=True):
            if projection in fingerprint.projections:
                yield name, projection, float(value), value / largest


def pca(models: "Models", rank: int) -> Iterator[Row]:
    """Yield every matrix's place in the plane of two principal axes."""
    for name, fingerprint in models:
        plane = principal_plane(name, fingerprint, rank)
        labels = clustering(name, fingerprint, rank).labels
        for matrix, point, in_cluster in zip(
            fingerprint.matrices, plane.points, labels, strict=True
        ):
            x, y = point.tolist()
            yield name, matrix.layer, matrix.projection, matrix.expert, x, y, in_cluster


def labels(models: "Models", rank: int) -> Iterator[Row]:
    """Yield every matrix's cluster: 1 is query's."""
    for name, fingerprint in models:
        clusters_of = clustering(name, fingerprint, rank).labels
        for matrix, in_cluster in zip(fingerprint.matrices, clusters_of, strict=True):
            yield name, matrix.layer, matrix.projection, matrix.expert, in_cluster


def clusters(models: "Models", rank: int) -> Iterator[Row]:
    """Yield the share of every projection's matrices in query's cluster."""
    for name, fingerprint in models:
        shares = clustering(name, fingerprint, rank).vector
        for projection, share in zip(PROJECTIONS, shares, strict=True):
            if projection in fingerprint.projections:
                yield name, projection, float(share)


def spectra(models: "Models", rank: int) -> Iterator[Row]:
    """Yield the mean singular values of every projection, over the largest."""
    for name, fingerprint in models:
        for projection, values in mean_spectra(name, fingerprint, rank).items():
            for place, value in enumerate(values.tolist(), 1):
                yield name, projection, place, value


def paths(models: "Models") -> Iterator[Row]:
    """Yield every LoRA delta's place in the plane of two main axes, from zero on."""
    models = in_order(models)
    plane = path_plane(models)
    names = ["0", *(name for name, _ in models)]
    nothing: list[int | None] = [None] * len(models)
    steps = [0, *(steps_of(models) or nothing)]
    for name, step, point in zip(names, steps, plane.points, strict=True):
        x, y = point.tolist()
        yield name, step, x, y


def distances(models: "Models", rank: int) -> Iterator[Row]:
    """Yield the cosine distance of every two singular-value vectors."""
    for name, fingerprint in models:
        by_projection = vectors(fingerprint, rank)
        rows = all_vectors(by_projection).rows
        owners: list[tuple[str, int]] = []
        for projection in by_projection.values():
            owners += [(projection.projection, place) for place in range(len(projection.rows))]
        between = cosine_distances(rows, rows)
        for one in range(len(owners)):
            for other in range(one):
                yield name, *owners[one], *owners[other], float(between[one, other])


def laws(models: "Models", rank: int) -> Iterator[Row]:
    """Yield a histogram of the distances of all vectors, with their law."""
    for name, fingerprint in models:
        yield from histogram(NamedDistances(name, all_distances(fingerprint, rank)), "all")


def pairs(models: "Models", rank: int) -> Iterator[Row]:
    """Yield a histogram of the distances of every two projections, with their law."""
    for name, fingerprint in models:
        for pair in projection_pairs(fingerprint, rank):
            yield from histogram(NamedDistances(name, pair.distances), pair.name or "all")


def histogram(named: NamedDistances, of: str) -> Iterator[Row]:
    """Yield the bins of a histogram of distances, each with the law of all of them."""
    values = named.distances.values
    law = law_of(values, named.distances.resampled)
    counts, edges = np.histogram(values, BINS)
    for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
        yield named.name, of, float(low), float(high), int(count), law.law, law.pareto.shape


def generated() -> Iterator[Row]:
    """Yield a histogram of the generator's distances, by law."""
    for law in GENERATED_SHOWN:
        one, other = generated_pair(law)
        counts, edges = np.histogram(cosine_distances(one, other).ravel(), BINS)
        for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
            yield law, float(low), float(high), int(count)


def losses(measured: "LossCurves") -> Iterator[Row]:
    """Yield the held-out losses by step, for every initialisation."""
    for initialisation, curve in measured.curves.items():
        steps = np.linspace(0, measured.steps, len(curve.mean))
        for step, mean, low, high in zip(steps, curve.mean, curve.low, curve.high, strict=True):
            yield initialisation, float(step), mean, low, high


def layers(models: "Models") -> Iterator[Row]:
    """Yield the drift of every layer and projection of a model from its parent."""
    child, parent = models
    drift = LayerDrift.between(child, parent)
    for cell in drift.cells():
        yield drift.child, drift.parent, *cell


def tree(family: "FamilyTree") -> Iterator[Row]:
    """Yield every model with each parent."""
    roots = {member.name: member.kind for member in family.members}
    kinds = dict(family.members)
    for edge in family.edges:
        roots.pop(edge.child, None)
        kind = kinds.get(edge.child)
        yield edge.child, kind, edge.parent, str(edge.basis), edge.main, edge.how
    for name, kind in roots.items():
        yield name, kind, None, None, None, None


def atlas(places: "AtlasMap") -> Iterator[Row]:
    """Yield every model's place on the map."""
    names = {cluster.number: cluster.name for cluster in places.clusters}
    for place in places.places:
        cluster = names.get(place.cluster) if place.cluster is not None else None
        yield place.name, place.family, place.kind, place.x, place.y, place.cluster, cluster


MATRIX = ("model", "layer", "projection", "expert")
BIN = ("from", "to", "count")
TABLES: dict[str, tuple[tuple[str, ...], Callable[..., Iterator[Row]]]] = {
    "densities": (("model", "projection", "weight", "density"), densities),
    "std": (("model", "projection", "std", "over_largest"), std),
    "pca": ((*MATRIX, "x", "y", "label"), pca),
    "labels": ((*MATRIX, "label"), labels),
    "clusters": (("model", "projection", "share"), clusters),
    "paths": (("model", "step", "x", "y"), paths),
    "distances": (
        ("model", "projection", "row", "other_projection", "other_row", "distance"),
        distances,
    ),
    "laws": (("model", "of", *BIN, "law", "shape"), laws),
    "pairs": (("model", "of", *BIN, "law", "shape"), pairs),
    "polar": (("model", "of", *BIN, "law", "shape"), pairs),
    "generator": (("law", *BIN), generated),
    "loss": (("initialisation", "step", "mean", "low", "high"), losses),
    "spectra": (("model", "projection", "place", "over_largest"), spectra),
    "layers": (
        ("model", "parent", "layer", "parent_layer", "projection", "matrices", "relative_change"),
        layers,
    ),
    "tree": (("model", "kind", "parent", "direction", "main", "how"), tree),
    "atlas": (("model", "family", "kind", "x", "y", "cluster", "cluster_family"), atlas),
}
