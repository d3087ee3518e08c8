"""From a kind of figure and its subject to a drawing or a file."""

import io
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from registry.errors import UnknownPicture
from registry.figures import (
    benchmark_figures,
    fingerprint_figures,
    law_figures,
    lineage_figures,
)
from registry.figures.kinds import Subject, arguments, relabelled
from registry.figures.numbers import as_csv
from registry.figures.style import label, save
from registry.files import write_whole

NUMBERS = ".csv"
ENDINGS = (".png", ".svg", NUMBERS)

FIGURES: dict[str, Callable[..., Figure]] = {
    "densities": fingerprint_figures.densities,
    "std": fingerprint_figures.std,
    "pca": fingerprint_figures.pca,
    "labels": fingerprint_figures.labels,
    "clusters": fingerprint_figures.clusters,
    "paths": fingerprint_figures.paths,
    "distances": law_figures.distances,
    "laws": law_figures.laws,
    "pairs": law_figures.pairs,
    "polar": law_figures.polar,
    "generator": law_figures.generated,
    "loss": benchmark_figures.losses,
    "spectra": fingerprint_figures.spectra,
    "layers": lineage_figures.layers,
    "tree": lineage_figures.tree,
    "atlas": lineage_figures.atlas,
}


def as_figure(kind: str, subject: Subject) -> Figure:
    """Return the figure of a subject. Raises NothingToDraw, CharacteristicError."""
    return FIGURES[kind](*arguments(kind, relabelled(subject, label)))


def save_whole(kind: str, subject: Subject, path: Path) -> None:
    """Draw a figure into a .png or .svg file, or write its numbers as .csv, whole or not at all.

    Raises UnknownPicture for another ending, UnwritableFile, and what `as_figure` raises.
    """
    check_ending(path)
    if path.suffix == NUMBERS:
        write_whole(path, as_csv(kind, subject).encode())
        return
    buffer = io.BytesIO()
    save(as_figure(kind, subject), buffer, path.suffix)
    write_whole(path, buffer.getvalue())


def as_svg(kind: str, subject: Subject) -> str:
    """Return a figure as a text of SVG. Raises NothingToDraw, CharacteristicError."""
    buffer = io.BytesIO()
    save(as_figure(kind, subject), buffer, ".svg")
    return buffer.getvalue().decode("utf-8")


def check_ending(path: Path) -> None:
    """Raise UnknownPicture for a file that is none of ENDINGS."""
    if path.suffix not in ENDINGS:
        raise UnknownPicture(path=str(path))
