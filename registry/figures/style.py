"""What all figures share: colours for colour-blind readers, marks that differ in grey too."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from registry.legible import glimpse

# Okabe and Ito's palette without its yellow, which is too light for a line
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "ooo", "---")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
SERIES = 7  # colours, hatches and markers that differ; lines change with every round of them
WIDTH, HEIGHT = 7.0, 4.2  # inches
LONGEST_LABEL = 60  # characters
DOTS = 130  # an inch
DARK = """
@media screen and (prefers-color-scheme: dark) {
figure svg text:not([style*="fill: #"]) { fill: #e6e8eb }
figure svg [style*="stroke: #000000"], figure svg [style*="stroke: #111111"] {
  stroke: #e6e8eb !important }
figure svg [style*="fill: #000000"], figure svg [style*="fill: #111111"]:not(text) {
  fill: #e6e8eb !important }
figure svg :not(text)[style*="fill: #ffffff"] { fill: #1c2026 !important }
figure svg [style*="stroke: #0072b2"] { stroke: #56b4e9 !important }
figure svg [style*="fill: #0072b2"] { fill: #56b4e9 !important }
}
"""
"""What turns the ink of figures on a dark screen; `dark` puts it into a file."""
SETTINGS: Any = {"svg.hashsalt": "registry", "svg.fonttype": "none", "font.size": 9}


def figure(
    title: str, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, list[Axes]]:
    """Return an empty figure, and its axes row by row."""
    width = WIDTH * max(1.0, 0.6 * columns)
    height = HEIGHT * max(1.0, 0.7 * rows)
    drawn = Figure(figsize=(width, height), layout="constrained")
    axes = drawn.subplots(rows, columns, squeeze=False, **options)
    drawn.suptitle(title, fontsize=10)
    return drawn, list(axes.flat)


def label(name: str) -> str:
    """Return a name as matplotlib writes it letter by letter.

    A dollar would begin a formula, and of a name that begins with _ a legend says nothing. What XML
    has no place for becomes an escape.
    """
    written = glimpse(name, LONGEST_LABEL).replace("$", r"\$")
    return f" {written}" if written.startswith("_") else written


def mark(index: int) -> dict[str, Any]:
    """Return colour, marker and line of one series; 49 differ, in grey too."""
    lap = index // SERIES
    return {
        "color": COLOURS[index % SERIES],
        "marker": MARKERS[index % SERIES],
        "linestyle": LINES[(index + lap) % SERIES],
    }


def bars(index: int) -> dict[str, Any]:
    """Return colour and hatch of one series of bars."""
    return {
        "color": COLOURS[index % SERIES],
        "hatch": HATCHES[index % SERIES],
        "edgecolor": "white",
        "linewidth": 0.5,
    }


def plain(axes: Axes) -> None:
    """Remove the box around the data."""
    axes.spines[["top", "right"]].set_visible(b=False)


def legend_beside(axes: Axes) -> None:
    """Put the legend to the right of the axes."""
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def save(drawn: Figure, target: Path | BinaryIO, ending: str, dpi: int = DOTS) -> None:
    """Write a figure as .png, with so many dots an inch, or as .svg.

    The same figure gives the same bytes: neither a date nor a version is written.
    """
    metadata = {"Date": None} if ending == ".svg" else {"Software": None}
    with mpl.rc_context(SETTINGS), glyphs_missing():
        drawn.savefig(target, format=ending.removeprefix("."), dpi=dpi, metadata=metadata)


@contextmanager
def glyphs_missing() -> Iterator[None]:
    """Draw letters that the font lacks as boxes in a .png without a warning of each.

    An .svg holds the letters themselves.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
        warnings.filterwarnings("ignore", r"Matplotlib currently does not support", UserWarning)
        yield


def dark(svg: str) -> str:
    """Return an SVG file that turns its ink on a dark screen, where a page shows it."""
    rules = DARK.replace("figure svg ", "")
    start = svg.index(">", svg.index("<svg")) + 1
    return f"{svg[:start]}<style>{rules}</style>{svg[start:]}"
