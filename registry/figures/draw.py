"""From a kind of figure and its subject to a file or to lines of text."""

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from registry.errors import UnknownPicture
from registry.figures import benchmark_figures, fingerprint_figures, law_figures, text_figures
from registry.figures.kinds import KINDS, Subject, Takes
from registry.figures.style import save
from registry.files import write_whole

ENDINGS = (".png", ".svg")

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
}

TEXTS: dict[str, Callable[..., Iterable[str]]] = {
    "densities": text_figures.densities,
    "std": text_figures.std,
    "pca": text_figures.pca,
    "labels": text_figures.labels,
    "clusters": text_figures.clusters,
    "paths": text_figures.paths,
    "distances": text_figures.distances,
    "laws": text_figures.laws,
    "pairs": text_figures.pairs,
    "polar": text_figures.polar,
    "generator": text_figures.generated,
    "loss": text_figures.losses,
}


def as_figure(kind: str, subject: Subject) -> Figure:
    """Return the figure of a subject. Raises NothingToDraw, CharacteristicError."""
    return FIGURES[kind](*arguments(kind, subject))


def as_text(kind: str, subject: Subject) -> str:
    """Return the figure in lines of at most 80 columns. Raises as `as_figure`."""
    return "\n".join(TEXTS[kind](*arguments(kind, subject)))


def arguments(kind: str, subject: Subject) -> tuple[Any, ...]:
    """Return what the functions of a kind are called with."""
    takes = KINDS[kind].takes
    if takes is Takes.NOTHING:
        return ()
    if takes is Takes.BENCHMARK:
        return (subject.losses,)
    if KINDS[kind].ranked:
        return (subject.models, subject.rank)
    return (subject.models,)


def save_whole(kind: str, subject: Subject, path: Path) -> None:
    """Draw a figure into a .png or .svg file, whole or not at all.

    Raises UnknownPicture for another ending, UnwritableFile, and what `as_figure` raises.
    """
    check_ending(path)
    buffer = io.BytesIO()
    save(as_figure(kind, subject), buffer, path.suffix)
    write_whole(path, buffer.getvalue())


def check_ending(path: Path) -> None:
    """Raise UnknownPicture for a file that is neither .png nor .svg."""
    if path.suffix not in ENDINGS:
        raise UnknownPicture(path=str(path))
