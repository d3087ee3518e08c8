"""Figures of paper 2509.19122. Models come as (name, fingerprint)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from registry.architectures.roles import PROJECTIONS
from registry.figures.figure_data import (
    clustering,
    in_order,
    label_table,
    mean_spectra,
    path_plane,
    principal_plane,
    weight_densities,
)
from registry.figures.style import MARKERS, bars, figure, legend_beside, mark, plain
from registry.fingerprints.record import Fingerprint

if TYPE_CHECKING:
    from registry.figures.kinds import Models

MOST_DIGITS = 16  # layers; the labels of more would touch each other
DARK_INK, LIGHT_INK = "#111111", "#ffffff"
DARK = 0.5  # labels up to here are drawn dark, so that their digits are white


def std(models: "Models") -> Figure:
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


def clusters(models: "Models", rank: int = 16) -> Figure:
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


def labels(models: "Models", rank: int = 16) -> Figure:
    """Draw the cluster label of every matrix by layer (figures 5, 14 and 16)."""
    drawn, panels = figure(f"Cluster of every matrix, rank {rank}: 1 is query's", rows=len(models))

    for axes, (name, fingerprint) in zip(panels, models, strict=True):
        cluster_labels = clustering(name, fingerprint, rank).labels
        table = label_table(fingerprint, cluster_labels)
        image = axes.imshow(
            table,
            cmap="cividis",
            vmin=0,
            vmax=1,
            aspect="auto",
            interpolation="nearest",
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
        colour = DARK_INK if label > DARK else LIGHT_INK
        axes.text(column, row, f"{label:.3g}", ha="center", va="center", color=colour)


def pca(models: "Models", rank: int = 16) -> Figure:
    """Draw unit singular-value vectors along their principal axes, with clusters (figure 4)."""
    title = f"Singular-value vectors, rank {rank}: filled is query's cluster"
    drawn, panels = figure(title, columns=len(models))

    for axes, (name, fingerprint) in zip(panels, models, strict=True):
        plane = principal_plane(name, fingerprint, rank)
        cluster_labels = clustering(name, fingerprint, rank).labels
        scatter(axes, fingerprint, plane.points, cluster_labels)
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
        of_projection = projections == projection
        if not of_projection.any():
            continue

        colour = mark(i)["color"]
        inside = points[of_projection & in_querys_cluster]
        outside = points[of_projection & ~in_querys_cluster]
        axes.scatter(*inside.T, marker=MARKERS[i], facecolors=colour, edgecolors=colour)
        axes.scatter(*outside.T, marker=MARKERS[i], facecolors="none", edgecolors=colour)
        axes.scatter([], [], marker=MARKERS[i], color=colour, label=projection)


def name_axes(axes: Axes, shares: np.ndarray) -> None:
    """Name two principal axes and their shares of the variance."""
    axes.set_xlabel(f"first axis ({shares[0]:.0%})")
    axes.set_ylabel(f"second axis ({shares[1]:.0%})")


def densities(models: "Models") -> Figure:
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


def spectra(models: "Models", rank: int = 16) -> Figure:
    """Draw the mean singular values of every projection, over the largest."""
    title = f"Singular values over the largest, mean over matrices, rank {rank}"
    drawn, panels = figure(title, columns=len(models))

    for axes, (name, fingerprint) in zip(panels, models, strict=True):
        for projection, values in mean_spectra(name, fingerprint, rank).items():
            style = mark(PROJECTIONS.index(projection)) | {"markersize": 3}
            axes.plot(np.arange(1, len(values) + 1), values, label=projection, **style)
        axes.set(title=name, xlabel="place", ylabel="singular value / largest", ylim=(0, 1.05))
        plain(axes)

    legend_beside(panels[-1])
    return drawn


def paths(models: "Models") -> Figure:
    """Draw LoRA deltas in the order given along two main axes, from zero on (section 4)."""
    drawn, (axes,) = figure("LoRA deltas from zero on, along their main axes")
    models = in_order(models)
    plane = path_plane(models)
    names = ["0", *(name for name, _ in models)]

    axes.plot(*plane.points.T, **mark(0))
    for point, name in zip(plane.points, names, strict=True):
        axes.annotate(name, point, xytext=(4, 4), textcoords="offset points", fontsize=8)

    name_axes(axes, plane.shares)
    plain(axes)
    return drawn
