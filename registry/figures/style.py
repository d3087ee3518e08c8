"""What all figures share: colours for colour-blind readers, and marks that tell series apart in grey too."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's palette without its yellow, which is too light for a line
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "ooo", "---")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
WIDTH, HEIGHT = 7.0, 4.2  # inches
DOTS = 130  # an inch
SETTINGS: Any = {"svg.hashsalt": "registry", "svg.fonttype": "none", "font.size": 9}


def figure(
    title: str, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, list[Axes]]:
    """A figure with its axes, row by row."""
    size = (WIDTH * max(1.0, 0.6 * columns), HEIGHT * max(1.0, 0.7 * rows))
    drawn = Figure(figsize=size, layout="constrained")
    axes = drawn.subplots(rows, columns, squeeze=False, **options)
    drawn.suptitle(title, fontsize=10)
    return drawn, list(axes.flat)


def mark(index: int) -> dict[str, Any]:
    """Colour, marker and line of one series."""
    return {
        "color": COLOURS[index % 7],
        "marker": MARKERS[index % 7],
        "linestyle": LINES[index % 7],
    }


def bars(index: int) -> dict[str, Any]:
    """Colour and hatch of one series of bars."""
    return {
        "color": COLOURS[index % 7],
        "hatch": HATCHES[index % 7],
        "edgecolor": "white",
        "linewidth": 0.5,
    }


def plain(axes: Axes) -> None:
    """No box around the data."""
    axes.spines[["top", "right"]].set_visible(b=False)


def save(drawn: Figure, path: Path, dpi: int = DOTS) -> None:
    """Write a figure as its ending says, a .png with so many dots an inch; the same figure gives the same file."""
    with mpl.rc_context(SETTINGS):
        metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
        drawn.savefig(path, dpi=dpi, metadata=metadata)
