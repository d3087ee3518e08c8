"""Figures of paper 2509.19122. Models come as (name, fingerprint)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from registry.architectures.roles import PROJECTIONS
from registry.errors import NothingToDraw
from registry.figures.style import MARKERS, bars, figure, legend_beside, mark, plain
from registry.fingerprints.record import Clustering, Fingerprint
from registry.numerics.histograms import edges
from registry.numerics.unit_vectors import normalised

if TYPE_CHECKING:
    from registry.figures.kinds import NamedFingerprint

REACH = 4.0  # standard deviations on each side
MOST_DIGITS = 16  # layers; the labels of more would touch each other
DARK = 0.5  # labels up to here are drawn dark, so that their digits are white
TINY = 1e-300  # in place of a norm that is zero


def std(models: Sequence["NamedFingerprint"]) -> Figure:
    """Draw std vectors, each divided by its largest entry (figures 3, 8, 9 and 13)."""
    drawn, (axes,) = figure("Standard deviation of every projection, over the largest")
    projections = np.array(PROJECTIONS)

    for i, (name, fingerprint) in enumerate(models):
        values = np.array(fingerprint.std, float)
        covered = np.isin(projections, list(fingerprint.projections))
        relative = values / values.max()
        axes.plot(projections[covered], relative[covered], label=name, **mark(i))

    axes.set(ylabel="std / largest std", ylim=(0, 1.05))
    plain(axes)
    legend_beside(axes)
    return drawn


def clusters(models: Sequence["NamedFingerprint"], rank: int = 16) -> Figure:
    """Draw clustering vectors (figures 6, 7, 10 and 15)."""
    drawn, (axes,) = figure(f"Share of each projection's matrices in query's cluster, rank {rank}")
    width = 0.8 / len(models)
    middle = (len(models) - 1) / 2

    for i, (name, fingerprint) in enumerate(models):
        positions = np.arange(len(PROJECTIONS)) + (i - middle) * width
        shares = clustering(name, fingerprint, rank).vector
        axes.bar(positions, shares, width, label=name, **bars(i))

    axes.set(ylabel="share", ylim=(0, 1.05))
    axes.set_xticks(range(len(PROJECTIONS)), PROJECTIONS)
    plain(axes)
    legend_beside(axes)
    return drawn


def clustering(name: str, fingerprint: Fingerprint, rank: int) -> Clustering:
    """Return the clustering of a rank. Raises NothingToDraw where fewer values are stored."""
    for candidate in fingerprint.clusterings:
        if candidate.rank == rank:
            return candidate
    raise NothingToDraw(
        name=name, what=f"clustering at rank {rank}", how=f"ingest it with --rank {rank}"
    )


def labels(models: Sequence["NamedFingerprint"], rank: int = 16) -> Figure:
    """Draw the cluster label of every matrix by layer (figures 5, 14 and 16)."""
    drawn, panels = figure(f"Cluster of every matrix, rank {rank}: 1 is query's", rows=len(models))

    for axes, (name, fingerprint) in zip(panels, models, strict=True):
        table = label_table(fingerprint, clustering(name, fingerprint, rank).labels)
        image = axes.imshow(
            table, cmap="cividis", vmin=0, vmax=1, aspect="auto", interpolation="nearest"
        )
        write_labels(axes, table)
        axes.set(xlabel="layer", title=name)
        axes.set_yticks(range(len(PROJECTIONS)), PROJECTIONS)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))

    drawn.colorbar(image, ax=panels, label="label", shrink=0.8)
    return drawn


def write_labels(axes: Axes, table: np.ndarray) -> None:
    """Write every label into its cell, where the cells are wide enough."""
    if table.shape[1] > MOST_DIGITS:
        return
    for (row, column), label in np.ndenumerate(table):
        if np.isnan(label):
            continue
        colour = "black" if label > DARK else "white"
        axes.text(column, row, f"{label:.3g}", ha="center", va="center", color=colour)


def label_table(fingerprint: Fingerprint, labels: Sequence[int]) -> np.ndarray:
    """Return the mean label of each layer's matrices: projections x layers, NaN where none is."""
    layers = sorted({matrix.layer for matrix in fingerprint.matrices})
    shape = len(PROJECTIONS), len(layers)
    total, count = np.zeros(shape), np.zeros(shape)

    for matrix, label in zip(fingerprint.matrices, labels, strict=True):
        cell = PROJECTIONS.index(matrix.projection), layers.index(matrix.layer)
        total[cell] += label
        count[cell] += 1

    table = np.full(shape, np.nan)
    np.divide(total, count, out=table, where=count > 0)
    return table


class Plane(NamedTuple):
    """Points in the plane of two principal axes (n x 2), and the axes' shares of the variance."""

    points: np.ndarray
    shares: np.ndarray


def pca(models: Sequence["NamedFingerprint"], rank: int = 16) -> Figure:
    """Draw unit singular-value vectors along their principal axes, with clusters (figure 4)."""
    drawn, panels = figure(
        f"Singular-value vectors, rank {rank}: filled is query's cluster", columns=len(models)
    )
    for axes, (name, fingerprint) in zip(panels, models, strict=True):
        plane = principal_plane(name, fingerprint, rank)
        scatter(axes, fingerprint, plane.points, clustering(name, fingerprint, rank).labels)
        name_axes(axes, plane.shares)
        axes.set_title(name)
        plain(axes)
    legend_beside(panels[-1])
    return drawn


def scatter(
    axes: Axes, fingerprint: Fingerprint, points: np.ndarray, labels: Sequence[int]
) -> None:
    """Draw a marker for every matrix, by projection, filled in query's cluster."""
    projections = np.array([matrix.projection for matrix in fingerprint.matrices])
    in_querys_cluster = np.array(labels) == 1

    for i, projection in enumerate(PROJECTIONS):
        own = projections == projection
        colour = mark(i)["color"]
        for chosen, fill in ((own & in_querys_cluster, colour), (own & ~in_querys_cluster, "none")):
            x, y = points[chosen].T
            axes.scatter(x, y, marker=MARKERS[i], facecolors=fill, edgecolors=colour)
        if own.any():
            axes.scatter([], [], marker=MARKERS[i], color=colour, label=projection)


def name_axes(axes: Axes, shares: np.ndarray) -> None:
    """Name two principal axes and their shares of the variance."""
    axes.set_xlabel(f"first axis ({shares[0]:.0%})")
    axes.set_ylabel(f"second axis ({shares[1]:.0%})")


def principal_plane(name: str, fingerprint: Fingerprint, rank: int) -> Plane:
    """Return every matrix's unit singular-value vector in the plane of two principal axes.

    Raises NothingToDraw for a single matrix, which spans no plane.
    """
    from sklearn.decomposition import PCA  # noqa: PLC0415  # slow, and used here only

    spectra = [matrix.singular_values for matrix in fingerprint.matrices]
    if len(spectra) < 2:  # noqa: PLR2004  # points that a plane is laid through
        raise NothingToDraw(name=name, what="second matrix", how="give a model of several")

    vectors = normalised(spectra, rank)
    analysis = PCA(2, svd_solver="full")
    with np.errstate(invalid="ignore"):  # all vectors may be equal, without any variance
        points = analysis.fit_transform(vectors)
    return Plane(points, np.nan_to_num(analysis.explained_variance_ratio_))


@dataclass(frozen=True)
class Density:
    """A density of weights: its values at some points."""

    points: np.ndarray
    values: np.ndarray


def densities(models: Sequence["NamedFingerprint"]) -> Figure:
    """Draw the density of all weights of every projection (figures 1, 2, 11 and 12)."""
    drawn, panels = figure("Density of all weights of every projection", columns=len(models))

    for axes, (name, fingerprint) in zip(panels, models, strict=True):
        by_projection = weight_densities(name, fingerprint)
        for i, (projection, density) in enumerate(by_projection.items()):
            style = mark(i)
            axes.plot(
                density.points,
                density.values,
                label=projection,
                color=style["color"],
                linestyle=style["linestyle"],
            )
        axes.set(title=name, xlabel="weight", ylabel="density")
        plain(axes)

    legend_beside(panels[-1])
    return drawn


def weight_densities(name: str, fingerprint: Fingerprint, points: int = 160) -> dict[str, Density]:
    """Return densities by projection, from -REACH to REACH times the largest standard deviation.

    They come from the histograms that were counted while fingerprinting. Raises NothingToDraw for
    adapters, and for models that were ingested before there were histograms.
    """
    if not fingerprint.histograms:
        how = "adapters have none" if fingerprint.adapter else "ingest it again"
        raise NothingToDraw(name=name, what="histogram of weights", how=how)

    reach = REACH * max(fingerprint.std)
    bounds = np.linspace(-reach, reach, points + 1)
    middles = (bounds[1:] + bounds[:-1]) / 2
    bin_edges = edges()
    counts = {histogram.projection: histogram.counts for histogram in fingerprint.histograms}

    found = {}
    for projection in sorted(counts, key=PROJECTIONS.index):
        running = np.concatenate([[0], np.cumsum(counts[projection])])
        share_below = running / max(1, sum(counts[projection]))
        shares = np.diff(np.interp(bounds, bin_edges, share_below))
        found[projection] = Density(middles, shares / np.diff(bounds))
    return found


def paths(models: Sequence["NamedFingerprint"]) -> Figure:
    """Draw LoRA deltas in the order given along two main axes, from zero on (section 4)."""
    drawn, (axes,) = figure("LoRA deltas from zero on, along their main axes")
    plane = path_plane(models)
    names = ["0", *(name for name, _ in models)]

    axes.plot(*plane.points.T, **mark(0))
    for point, name in zip(plane.points, names, strict=True):
        axes.annotate(name, point, xytext=(4, 4), textcoords="offset points", fontsize=8)

    name_axes(axes, plane.shares)
    plain(axes)
    return drawn


def path_plane(models: Sequence["NamedFingerprint"]) -> Plane:
    """Return zero and the sketch of every LoRA delta in the plane of two main axes through zero.

    Raises NothingToDraw for models, and for adapters of different weights.
    """
    sketches = []
    for _, fingerprint in models:
        parts = [np.array(matrix.sketch or ()) for matrix in fingerprint.matrices]
        sketches.append(np.concatenate(parts))

    lengths = {len(sketch) for sketch in sketches}
    adapters_only = all(fingerprint.adapter for _, fingerprint in models)
    if len(lengths) > 1 or not adapters_only:
        how = "give adapters that change the same weights"
        raise NothingToDraw(name=models[0][0], what="path", how=how)

    table = np.array([np.zeros_like(sketches[0]), *sketches])
    left, values, _ = np.linalg.svd(table, full_matrices=False)
    points = np.zeros((len(table), 2))
    points[:, : min(2, len(values))] = (left * values)[:, :2]
    points *= np.where(points[-1] < 0, -1, 1)  # the last delta lies to the right and above

    squares = values**2
    shares = np.append(squares / max(float(squares.sum()), TINY), 0.0)
    return Plane(points, shares[:2])
