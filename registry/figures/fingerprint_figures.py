"""Pictures of paper 2509.19122. Models come as (name, fingerprint)."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from registry.architectures.roles import PROJECTIONS
from registry.errors import NothingToDraw
from registry.figures.style import MARKERS, bars, figure, mark, plain
from registry.fingerprints.record import Clustering, Fingerprint
from registry.numerics.histograms import edges
from registry.numerics.unit_vectors import normalised

Named = tuple[str, Fingerprint]
REACH = 4.0  # standard deviations on each side


def std(models: Sequence[Named], rank: int = 16) -> Figure:
    """Std vectors of several models, each scaled to its largest entry (figures 3, 8, 9 and 13)."""
    del rank
    drawn, (axes,) = figure("Standard deviation of every projection, over the largest")
    for i, (name, fingerprint) in enumerate(models):
        values = np.array(fingerprint.std, float)
        own = [p in fingerprint.projections for p in PROJECTIONS]
        axes.plot(np.array(PROJECTIONS)[own], (values / values.max())[own], label=name, **mark(i))
    axes.set(ylabel="std / largest std", ylim=(0, 1.05))
    plain(axes)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return drawn


def clusters(models: Sequence[Named], rank: int = 16) -> Figure:
    """Clustering vectors of several models (figures 6, 7, 10 and 15)."""
    drawn, (axes,) = figure(f"Share of each projection's matrices in query's cluster, rank {rank}")
    width = 0.8 / len(models)
    for i, (name, fingerprint) in enumerate(models):
        at = np.arange(len(PROJECTIONS)) + (i - (len(models) - 1) / 2) * width
        axes.bar(at, clustering(name, fingerprint, rank).vector, width, label=name, **bars(i))
    axes.set(
        ylabel="share", ylim=(0, 1.05), xticks=range(len(PROJECTIONS)), xticklabels=PROJECTIONS
    )
    plain(axes)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return drawn


def clustering(name: str, fingerprint: Fingerprint, rank: int) -> Clustering:
    """The clustering of one rank. Raises NothingToDraw where fewer values are stored."""
    found = next((c for c in fingerprint.clusterings if c.rank == rank), None)
    if found is None:
        raise NothingToDraw(
            name=name, what=f"clustering at rank {rank}", how=f"ingest it with --rank {rank}"
        )
    return found


def label_table(fingerprint: Fingerprint, labels: Sequence[int]) -> np.ndarray:
    """Projections x layers: the mean label of a layer's matrices, NaN where it has none."""
    numbers = sorted({m.layer for m in fingerprint.matrices})
    table = np.full((len(PROJECTIONS), len(numbers)), np.nan)
    for i, projection in enumerate(PROJECTIONS):
        for j, layer in enumerate(numbers):
            own = [
                label
                for m, label in zip(fingerprint.matrices, labels, strict=True)
                if (m.projection, m.layer) == (projection, layer)
            ]
            table[i, j] = np.mean(own) if own else np.nan
    return table


def labels(models: Sequence[Named], rank: int = 16) -> Figure:
    """Cluster labels of every matrix by layer (figures 5, 14 and 16)."""
    drawn, every = figure(f"Cluster of every matrix, rank {rank}: 1 is query's", rows=len(models))
    for axes, (name, fingerprint) in zip(every, models, strict=True):
        table = label_table(fingerprint, clustering(name, fingerprint, rank).labels)
        image = axes.imshow(
            table, cmap="cividis", vmin=0, vmax=1, aspect="auto", interpolation="nearest"
        )
        for (i, j), value in np.ndenumerate(table):
            if table.shape[1] <= 16 and not np.isnan(value):  # noqa: PLR2004  # of more layers digits would touch
                axes.text(
                    j,
                    i,
                    f"{value:.3g}",
                    ha="center",
                    va="center",
                    color="black" if value > 0.5 else "white",  # noqa: PLR2004
                )
        axes.set(
            yticks=range(len(PROJECTIONS)), yticklabels=PROJECTIONS, xlabel="layer", title=name
        )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    drawn.colorbar(image, ax=every, label="label", shrink=0.8)
    return drawn


def pca(models: Sequence[Named], rank: int = 16) -> Figure:
    """Unit singular-value vectors of all matrices along their two main axes, with clusters (figure 4)."""
    drawn, every = figure(
        f"Singular-value vectors, rank {rank}: filled is query's cluster", columns=len(models)
    )
    for axes, (name, fingerprint) in zip(every, models, strict=True):
        points, shares = projected(fingerprint, rank)
        matrices, found = fingerprint.matrices, clustering(name, fingerprint, rank).labels
        for i, projection in enumerate(PROJECTIONS):
            for label, fill in ((1, mark(i)["color"]), (0, "none")):
                own = np.array(
                    [
                        (m.projection, k) == (projection, label)
                        for m, k in zip(matrices, found, strict=True)
                    ]
                )
                axes.scatter(
                    *points[own].T, marker=MARKERS[i], facecolors=fill, edgecolors=mark(i)["color"]
                )
            if any(m.projection == projection for m in matrices):
                axes.scatter([], [], marker=MARKERS[i], color=mark(i)["color"], label=projection)
        axes.set(
            xlabel=f"first axis ({shares[0]:.0%})",
            ylabel=f"second axis ({shares[1]:.0%})",
            title=name,
        )
        plain(axes)
    every[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return drawn


def projected(fingerprint: Fingerprint, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Of every matrix its unit singular-value vector along two main axes, and their shares of the variance."""
    rows = normalised([matrix.singular_values for matrix in fingerprint.matrices], rank)
    left, values, _ = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    shares = values**2 / max(float((values**2).sum()), 1e-300)
    return left[:, :2] * values[:2], shares[:2]


def densities(models: Sequence[Named], rank: int = 16) -> Figure:
    """Densities of all weights of every projection, from the histograms of ingesting (figures 1, 2, 11 and 12)."""
    del rank
    drawn, every = figure("Density of all weights of every projection", columns=len(models))
    for axes, (name, fingerprint) in zip(every, models, strict=True):
        for i, (projection, (at, density)) in enumerate(scaled_counts(name, fingerprint).items()):
            axes.plot(
                at,
                density,
                label=projection,
                color=mark(i)["color"],
                linestyle=mark(i)["linestyle"],
            )
        axes.set(title=name, xlabel="weight", ylabel="density")
        plain(axes)
    every[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return drawn


def scaled_counts(
    name: str, fingerprint: Fingerprint, points: int = 160
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Of every projection points and densities there, from -REACH to REACH times the largest standard deviation.

    Raises NothingToDraw for adapters, and for models that were ingested before there were histograms.
    """
    if not fingerprint.histograms:
        how = "adapters have none" if fingerprint.adapter else "ingest it again"
        raise NothingToDraw(name=name, what="histogram of weights", how=how)
    reach, borders = REACH * max(fingerprint.std), edges()
    ends = np.linspace(-reach, reach, points + 1)
    found = {}
    for each in sorted(fingerprint.histograms, key=lambda own: PROJECTIONS.index(own.projection)):
        below = np.concatenate([[0], np.cumsum(each.counts)]) / max(1, sum(each.counts))
        found[each.projection] = (
            (ends[1:] + ends[:-1]) / 2,
            np.diff(np.interp(ends, borders, below)) / np.diff(ends),
        )
    return found


def paths(models: Sequence[Named], rank: int = 16) -> Figure:
    """Updates of adapters in the order given, along two main axes of their sketches, from no update on (section 4)."""
    del rank
    drawn, (axes,) = figure("Updates from zero on, along their main axes")
    points, shares = walked(models)
    axes.plot(*points.T, **mark(0))
    for (x, y), name in zip(points, ["0", *(name for name, _ in models)], strict=True):
        axes.annotate(name, (x, y), xytext=(4, 4), textcoords="offset points", fontsize=8)
    axes.set(xlabel=f"first axis ({shares[0]:.0%})", ylabel=f"second axis ({shares[1]:.0%})")
    plain(axes)
    return drawn


def walked(models: Sequence[Named]) -> tuple[np.ndarray, np.ndarray]:
    """Zero and every update, along two main axes of all, and the shares of these. Raises NothingToDraw."""
    rows = [
        np.concatenate([np.array(m.sketch or ()) for m in fingerprint.matrices])
        for _, fingerprint in models
    ]
    if len({len(row) for row in rows}) > 1 or not all(
        fingerprint.adapter for _, fingerprint in models
    ):
        raise NothingToDraw(
            name=models[0][0], what="path", how="give adapters that change the same weights"
        )
    table = np.array([np.zeros(len(rows[0])), *rows])
    left, values, _ = np.linalg.svd(table, full_matrices=False)
    found = np.zeros((len(table), 2))
    found[:, : min(2, len(values))] = (left * values)[:, :2]
    found *= np.where(found[-1] < 0, -1, 1)  # the last update is to the right and above
    shares = np.append(values**2 / max(float((values**2).sum()), 1e-300), 0.0)
    return found, shares[:2]
