"""Figures of paper 2509.00046. Models come as (name, fingerprint)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from registry.characteristic.laws import law_of
from registry.characteristic.vectors import (
    SAME,
    Distances,
    all_vectors,
    cosine_distances,
    vectors,
)
from registry.figures.figure_data import (
    GENERATED_SHOWN,
    SHOWN,
    NamedDistances,
    all_distances,
    generated_pair,
    projection_pairs,
)
from registry.figures.style import bars, figure, mark, plain

if TYPE_CHECKING:
    from registry.figures.kinds import Models

BINS = 48
TURN = 2 * np.pi
POLAR_PAIRS = (("query", "up"), ("gate", "down"))


def distances(models: "Models", rank: int = 16) -> Figure:
    """Draw the cosine similarity of all singular-value vectors by projection (figure 2a)."""
    title = f"Cosine similarity of singular-value vectors, rank {rank}"
    drawn, panels = figure(title, columns=len(models))

    for axes, (name, fingerprint) in zip(panels, models, strict=True):
        by_projection = vectors(fingerprint, rank)
        rows = all_vectors(by_projection).rows
        similarity = 1 - cosine_distances(rows, rows)
        image = axes.imshow(similarity, cmap="cividis", vmax=1, interpolation="nearest")
        axes.set_title(name)

        counts = [len(projection.rows) for projection in by_projection.values()]
        divide_axes(axes, list(by_projection), counts)

    drawn.colorbar(image, ax=panels, label="1 - distance", shrink=0.8)
    return drawn


def divide_axes(axes: Axes, names: Sequence[str], counts: Sequence[int]) -> None:
    """Name blocks of rows and columns, so many of each, and draw lines between them."""
    starts = np.cumsum([0, *counts])
    middles = (starts[:-1] + starts[1:] - 1) / 2
    axes.set_xticks(middles, names, rotation=90)
    axes.set_yticks(middles, names)

    for start in starts[1:-1]:
        axes.axhline(start - 0.5, color="white", linewidth=0.5)
        axes.axvline(start - 0.5, color="white", linewidth=0.5)


def laws(models: "Models", rank: int = 16) -> Figure:
    """Draw densities of the distances of all vectors, with fits (figures 2b, 3a, 10 and 13)."""
    sets = []
    for name, fingerprint in models:
        distances = all_distances(fingerprint, rank)
        sets.append(NamedDistances(name, distances))
    return densities_of(sets, f"Distances of all singular-value vectors, rank {rank}")


def pairs(models: "Models", rank: int = 16) -> Figure:
    """Draw densities of the distances between projections (figures 3b, 4, 6, 11, 14 to 16)."""
    sets = []
    for name, fingerprint in models:
        for pair in projection_pairs(fingerprint, rank):
            title = f"{name}: {pair.name}" if pair.name else name
            sets.append(NamedDistances(title, pair.distances))
    return densities_of(sets, f"Distances between two projections, rank {rank}")


def densities_of(sets: Sequence[NamedDistances], title: str) -> Figure:
    """Draw one small figure for every set of distances."""
    columns = min(3, len(sets))
    rows = -(-len(sets) // columns)
    drawn, panels = figure(title, rows=rows, columns=columns)

    for axes, (name, set_of_distances) in zip(panels, sets, strict=False):
        density(axes, name, set_of_distances)
    for axes in panels[len(sets) :]:
        axes.set_visible(False)
    return drawn


def density(axes: Axes, name: str, measured: Distances) -> None:
    """Draw a histogram of distances, and the fitted generalised Pareto and normal densities."""
    values = measured.values
    law = law_of(values, measured.resampled)
    farthest = float(np.quantile(values, SHOWN))
    edges = np.linspace(0, farthest, BINS)

    style = bars(0) | {"hatch": "", "alpha": 0.5, "label": "distances"}
    heights, _, _ = axes.hist(values, edges.tolist(), density=True, **style)

    points = (edges[1:] + edges[:-1]) / 2
    fit = law.pareto
    pareto = stats.genpareto.pdf(points, fit.shape, fit.location, fit.scale)
    normal = stats.norm.pdf(points, values.mean(), values.std())
    axes.plot(points, pareto, label=f"Pareto, alpha {fit.shape:.2f}", **line(1))
    axes.plot(points, normal, label="normal", **line(2))

    ceiling = 1.15 * float(np.max(heights))
    axes.set(title=f"{name}: {law.law}", xlabel="cosine distance", ylabel="density")
    axes.set_ylim(0, ceiling)
    plain(axes)
    axes.legend(frameon=False, fontsize=7)


def line(index: int) -> dict[str, Any]:
    """Return the style of a line without markers."""
    style = mark(index)
    del style["marker"]
    return style


def polar(models: "Models", rank: int = 16) -> Figure:
    """Draw distances as angles, the largest a full turn: two pairs (figures 5 and 12)."""
    sets = {}
    for name, fingerprint in models:
        by_projection = vectors(fingerprint, rank)
        for a, b in POLAR_PAIRS:
            one = by_projection.get(a)
            other = by_projection.get(b)
            if one and other:
                distances = cosine_distances(one.rows, other.rows)
                sets[f"{name}: {a}-{b}"] = distances.ravel()

    title = f"Distances, the largest a full turn, rank {rank}"
    drawn, panels = figure(title, columns=len(sets), subplot_kw={"projection": "polar"})
    for i, (axes, (name, values)) in enumerate(zip(panels, sets.items(), strict=True)):
        different = values[values > SAME]
        angles = TURN * different / different.max()
        counts, edges = np.histogram(angles, 36, (0, TURN))
        axes.bar(edges[:-1], counts, np.diff(edges), align="edge", **bars(i))
        axes.set_title(name, fontsize=9)
    return drawn


def generated() -> Figure:
    """Draw what the distribution generator gives: distances, and the numbers (figure 8)."""
    drawn, (left, right) = figure("The distribution generator", columns=2)

    for i, (law, shown) in enumerate(GENERATED_SHOWN.items()):
        one, other = generated_pair(law)
        values = cosine_distances(one, other).ravel()
        edges = np.linspace(0, float(np.quantile(values, shown)), BINS)
        relative = values / edges[-1]
        relative_edges = edges / edges[-1]
        left.hist(relative, relative_edges, density=True, alpha=0.6, label=law, **bars(i))

        numbers = np.concatenate([one, other]).ravel()
        right.hist(numbers, 80, density=True, histtype="step", label=law, **line(i))

    left.set(xlabel="cosine distance / the largest shown", ylabel="density")
    left.set_title("distances follow the requested law")
    right.set(xlabel="number", ylabel="density", title="the numbers stay near normal")
    for axes in (left, right):
        plain(axes)
        axes.legend(frameon=False)
    return drawn
