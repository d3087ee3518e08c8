"""From a kind of figure and its subject to lines of text."""

from collections.abc import Callable, Iterable

from registry.figures import text_figures, text_lineage
from registry.figures.kinds import Subject, arguments, relabelled
from registry.legible import glimpse

LONGEST_NAME = 60  # characters

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
    "spectra": text_figures.spectra,
    "layers": text_lineage.layers,
    "tree": text_lineage.tree,
    "atlas": text_lineage.atlas,
}


def heading(name: str) -> str:
    """Return a name as lines of text show it."""
    return glimpse(name, LONGEST_NAME)


def as_lines(kind: str, subject: Subject) -> list[str]:
    """Return a figure in lines of at most 80 columns.

    Raises NothingToDraw, CharacteristicError.
    """
    return list(TEXTS[kind](*arguments(kind, relabelled(subject, heading))))
