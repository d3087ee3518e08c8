"""Figures of where models come from: layer drift, the tree of a family, the map of all models."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from registry.figures.family_tree import FamilyTree, Placed, cut
from registry.figures.layer_drift import LayerDrift
from registry.figures.style import HEIGHT, WIDTH, figure, label, legend_beside, mark, plain
from registry.legible import glimpse
from registry.lineage.standing import Basis

if TYPE_CHECKING:
    from registry.figures.atlas_map import AtlasMap
    from registry.figures.kinds import Models

MOST_DIGITS = 12  # layers; the numbers of more would touch each other
SPAN = 10.0  # that the scale covers at least, so that slight differences look slight
DARK = 0.5  # of the scale; digits are light on what is darker
INK, LIGHT_INK = "#111111", "#ffffff"
UNCHANGED, MISSING = "#fefefe", "#e4e4e4"
ROW = 0.24  # inches of the drawing for each model of a tree
DEPTHS = 16  # steps from a root that the width has room for, names included
LONGEST_NAME = 40  # characters
BASES = {Basis.SHOWN: "-", Basis.CLAIMED: "--", Basis.PRESUMED: ":"}
"""Lines of edges, by what their direction rests on."""
ARROW = {"arrowstyle": "->", "connectionstyle": "arc3,rad=0.3"}
"""From a further parent of a merge to the child."""
KIND_MARKERS = {"model": "o", "adapter": "s"}


def layers(models: "Models") -> Figure:
    """Draw the drift of every layer and projection of a model from its parent."""
    child, parent = models
    drift = LayerDrift.between(child, parent)
    title = f"{drift.child}: relative change from {drift.parent}"
    drawn, (above, below) = figure(
        title, rows=2, sharex=True, gridspec_kw={"height_ratios": [1, 3]}
    )
    drawn.set_size_inches(WIDTH, HEIGHT * 1.1)

    positions = np.arange(len(drift.layers))
    style = mark(0) | {"markersize": 4}
    above.plot(positions, drift.by_layer, **style)
    highest = float(np.nanmax(drift.by_layer))
    above.set(ylabel="median", ylim=(0, 1.15 * highest or 1.0))
    above.yaxis.set_major_formatter(FuncFormatter(as_share))
    plain(above)

    draw_cells(drawn, below, drift)
    below.set_xlabel("layer")
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    below.xaxis.set_major_formatter(FuncFormatter(LayerNames(drift)))
    return drawn


def as_share(value: float, _position: int | None = None) -> str:
    """Return a share in percent, with as many digits as it needs."""
    return f"{100 * value:.3g} %"


class LayerNames:
    """The names of the layers' ticks: a layer, and the parent's where that is another."""

    def __init__(self, drift: LayerDrift) -> None:
        self.drift = drift

    def __call__(self, value: float, _position: int | None = None) -> str:
        """Return the name of the layer at a position; nothing beside the layers."""
        place = round(value)
        if not 0 <= place < len(self.drift.layers):
            return ""
        layer = self.drift.layers[place]
        source = self.drift.sources[place]
        if source == layer:
            return str(layer)
        return f"{layer}\n(new)" if source is None else f"{layer}\n({source})"


def draw_cells(drawn: Figure, axes: Axes, drift: LayerDrift) -> None:
    """Draw a cell for every projection and layer, darker where it moved less."""
    rows = drift.rows
    changed = rows[rows > 0]
    highest = float(changed.max()) if len(changed) else 1.0
    lowest = min(float(changed.min()), highest / SPAN) if len(changed) else highest / SPAN
    scale = LogNorm(lowest, highest)
    colours = colormaps["cividis"].with_extremes(under=UNCHANGED, bad=MISSING)
    image = axes.imshow(
        np.where(rows == 0, lowest / 2, rows),
        cmap=colours,
        norm=scale,
        aspect="auto",
        interpolation="nearest",
    )
    axes.set_yticks(range(len(drift.projections)), drift.projections)
    bar = drawn.colorbar(image, ax=axes, extend="min", shrink=0.9)
    bar.ax.yaxis.set_major_formatter(FuncFormatter(as_share))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.set_ticks([lowest, float(np.sqrt(lowest * highest)), highest])
    bar.set_label("relative change; white: equal")

    for row, column in np.argwhere(np.isnan(rows)):
        axes.text(column, row, "-", ha="center", va="center", color=INK)
    if len(drift.layers) > MOST_DIGITS:
        return
    for row, column in np.argwhere(~np.isnan(rows)):
        size = float(rows[row, column])
        is_dark = size > 0 and scale(size) < DARK
        colour = LIGHT_INK if is_dark else INK
        text = f"{100 * size:.2g}" if size else "0"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)


def tree(family: FamilyTree) -> Figure:
    """Draw models below what they were made from, a row for each."""
    shown, left_out = cut(family)
    places = {place.name: place for place in shown.placed()}
    title = "What was made from what"
    if left_out:
        title += f"; {left_out:,} more models are not drawn"
    drawn, (axes,) = figure(title)
    drawn.set_size_inches(WIDTH, ROW * (len(places) + 5))

    for place in places.values():
        draw_member(axes, place, places)
    for edge in shown.further():
        child, parent = places[edge.child], places[edge.parent]
        arrow = ARROW | {"linestyle": BASES[edge.basis], "color": mark(1)["color"]}
        end = (parent.depth, parent.row)
        axes.annotate("", (child.depth, child.row), xytext=end, arrowprops=arrow)
    tree_legend(axes, shown)

    deepest = max(place.depth for place in places.values())
    axes.set_xlim(-0.3, max(DEPTHS, deepest + DEPTHS / 2))
    axes.set_ylim(len(places) - 0.3, -0.7)
    axes.set_axis_off()
    return drawn


def draw_member(axes: Axes, place: Placed, places: dict[str, Placed]) -> None:
    """Draw a model's marker, its name, and the elbow to what it was made from."""
    how = ""
    if place.made_from:
        parent = places[place.made_from.parent]
        xs = [parent.depth, parent.depth, place.depth]
        ys = [parent.row, place.row, place.row]
        line = BASES[place.made_from.basis]
        axes.plot(xs, ys, color=INK, linestyle=line, linewidth=0.9, zorder=1)
        how = f"   {label(place.made_from.how)}"
    colour = mark(0)["color"]
    axes.plot(
        [place.depth],
        [place.row],
        marker=KIND_MARKERS[place.kind],
        color=colour,
        markerfacecolor="white" if place.made_from else colour,
        markersize=5,
    )
    axes.annotate(
        f"{label(glimpse(place.name, LONGEST_NAME))}{how}",
        (place.depth, place.row),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
    )


def tree_legend(axes: Axes, shown: FamilyTree) -> None:
    """Name the lines and markers that were used."""
    used = {edge.basis for edge in shown.edges}
    for basis, line in BASES.items():
        if basis in used:
            axes.plot([], [], color=INK, linestyle=line, label=f"direction {basis}")
    for kind in sorted({member.kind for member in shown.members}, reverse=True):
        axes.plot([], [], color=INK, linestyle="", marker=KIND_MARKERS[kind], label=kind)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=5, frameon=False, fontsize=8)


def atlas(places: "AtlasMap") -> Figure:
    """Draw all models of a window of the map by family, with the names of the clusters."""
    title = f"{places.models:,} models by their weights: neighbours are alike"
    if not places.is_whole:
        title += f"; {len(places.places):,} of them are drawn"
    drawn, (axes,) = figure(title)
    drawn.set_size_inches(WIDTH * 1.2, WIDTH)
    size = 30 if len(places.places) < 500 else 8  # noqa: PLR2004  # a sparse map needs larger marks

    series = np.array([places.series(place.family) for place in places.places], int)
    points = np.array([(place.x, place.y) for place in places.places]).reshape(-1, 2)
    for number, family in enumerate(places.legend):
        style = mark(number)
        x, y = points[series == number].T
        axes.scatter(
            x,
            y,
            s=size,
            marker=style["marker"],
            facecolors="none" if number % 2 else style["color"],
            edgecolors=style["color"],
            linewidths=0.8,
            label=label(family),
        )

    for cluster in places.clusters:
        axes.annotate(
            label(cluster.name),
            (cluster.x, cluster.y),
            ha="center",
            va="center",
            fontsize=8,
            fontweight="bold",
            color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1},
        )
    left, bottom, right, top = places.window
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[], aspect="equal")
    axes.spines[:].set_color(MISSING)
    if places.places:
        legend_beside(axes)
    return drawn
