"""Figures as files: a drawing at an address that ends with .svg, its numbers with .csv."""

import threading
from enum import StrEnum
from html import escape

from sqlalchemy.orm import Session

from registry.database.lineage.trees import main_parent
from registry.database.pages.family_pages import family_content
from registry.database.pages.tree_parts import tree_part
from registry.database.stored import fingerprints
from registry.errors import CharacteristicError, NoParentToDraw, NothingToDraw, PictureError
from registry.figures.kinds import Subject
from registry.fingerprints.record import NamedFingerprint
from registry.legible import legible
from registry.report.pictures import family_tree
from registry.web.pages import Door, Pages
from registry.web.recent import Recent

# ruff: noqa: PLC0415  # what draws is slow to load: the first figure waits for it, no page does

PAGES = Pages()
SVG, CSV = "image/svg+xml", "text/csv; charset=utf-8"
KEPT = 300  # drawings that are not drawn again
WIDEST_LINE = 90  # characters of a sentence in place of a drawing
ONE_AT_A_TIME = threading.Lock()
"""Settings of what draws are the process's."""


class ModelKind(StrEnum):
    """Figures of one model."""

    DENSITIES = "densities"
    SPECTRA = "spectra"
    STD = "std"
    CLUSTERS = "clusters"
    LABELS = "labels"
    PCA = "pca"
    DISTANCES = "distances"
    LAWS = "laws"
    PAIRS = "pairs"
    POLAR = "polar"


DRAWINGS = Recent[str](KEPT)


def drawing(kind: str, subject: Subject) -> str:
    """Return a figure as SVG; where there is nothing to draw, the sentence that says so."""
    models = [(name, record.digest, record.rank) for name, record in subject.models]
    key = kind, subject.rank, *models, subject.family
    return DRAWINGS.get(key, lambda: drawn_anew(kind, subject))


def drawn_anew(kind: str, subject: Subject) -> str:
    """Return a figure as SVG, drawn now."""
    from registry.figures.draw import as_svg
    from registry.figures.style import dark

    try:
        with ONE_AT_A_TIME:
            return dark(as_svg(kind, subject))
    except (NothingToDraw, CharacteristicError) as exc:
        return said(str(exc))


def said(sentence: str) -> str:
    """Return a sentence as a drawing."""
    lines = []
    words = sentence.split()
    while words:
        line = words.pop(0)
        while words and len(line) + len(words[0]) < WIDEST_LINE:
            line += f" {words.pop(0)}"
        lines.append(line)
    rows = []
    for row, line in enumerate(lines[:6]):
        shown = escape(legible(line[: 2 * WIDEST_LINE]))
        rows.append(f'<text x="12" y="{34 + 20 * row}">{shown}</text>')
    rules = "text{font:14px sans-serif;fill:#5a6270}"
    dark_rules = "@media(prefers-color-scheme:dark){text{fill:#9aa3ad}}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {50 + 20 * len(rows)}">'
        f"<style>{rules}{dark_rules}</style>{''.join(rows)}</svg>"
    )


def numbers(kind: str, subject: Subject) -> str:
    """Return a figure's numbers as CSV. Raises NothingToDraw, CharacteristicError."""
    from registry.figures.numbers import as_csv

    return as_csv(kind, subject)


def named(session: Session, name: str) -> NamedFingerprint:
    """Return a registered model's fingerprint under its name."""
    stored = fingerprints.load(session, name)
    return NamedFingerprint(stored.summary.name, stored.fingerprint)


def of_model(door: Door, name: str) -> Subject:
    """Return a model as figures are drawn of it."""
    return Subject((door.ask(lambda session: named(session, name)),))


def of_pair(door: Door, name: str, other: str | None = None) -> Subject:
    """Return a model and its parent, or another. Raises NoParentToDraw."""

    def both(session: Session) -> tuple[NamedFingerprint, ...]:
        parent = other or main_parent(session, name)
        if parent is None:
            raise NoParentToDraw(name=name)
        return named(session, name), named(session, parent)

    return Subject(door.ask(both))


def of_tree(door: Door, name: str) -> Subject:
    """Return the tree that a model stands in, as far as a page shows it."""
    part = door.ask(lambda session: tree_part(session, name))
    return Subject(family=family_tree([part.tree]))


def of_family(door: Door, name: str) -> Subject:
    """Return the tree of a family."""
    content = door.ask(lambda session: family_content(session, name, ""))
    if content.tree is None:
        how = "look at the tree of one of its models"
        raise NothingToDraw(name=name, what="tree that fits a page", how=how)
    return Subject(family=family_tree([content.tree]))


@PAGES.file("/model/{name:segment}/figure/layers.svg", SVG)
def layers_drawn(door: Door, name: str) -> str:
    """Return how far each layer of a model moved from its parent, drawn."""
    try:
        return drawing("layers", of_pair(door, name))
    except PictureError as exc:
        return said(str(exc))


@PAGES.file("/model/{name:segment}/figure/layers.csv", CSV)
def layers_in_numbers(door: Door, name: str) -> str:
    """Return how far each layer of a model moved from its parent, as CSV."""
    return numbers("layers", of_pair(door, name))


@PAGES.file("/pair/{a:segment}/{b:segment}/layers.svg", SVG)
def pair_drawn(door: Door, a: str, b: str) -> str:
    """Return how far each layer of one model moved from another, drawn."""
    return drawing("layers", of_pair(door, a, b))


@PAGES.file("/pair/{a:segment}/{b:segment}/layers.csv", CSV)
def pair_in_numbers(door: Door, a: str, b: str) -> str:
    """Return how far each layer of one model moved from another, as CSV."""
    return numbers("layers", of_pair(door, a, b))


@PAGES.file("/model/{name:segment}/tree.svg", SVG)
def tree_drawn(door: Door, name: str) -> str:
    """Return the tree that a model stands in, drawn."""
    return drawing("tree", of_tree(door, name))


@PAGES.file("/model/{name:segment}/tree.csv", CSV)
def tree_in_numbers(door: Door, name: str) -> str:
    """Return the tree that a model stands in, as CSV."""
    return numbers("tree", of_tree(door, name))


@PAGES.file("/family/{name:segment}/tree.svg", SVG)
def family_drawn(door: Door, name: str) -> str:
    """Return the tree of a family, drawn."""
    return drawing("tree", of_family(door, name))


@PAGES.file("/family/{name:segment}/tree.csv", CSV)
def family_in_numbers(door: Door, name: str) -> str:
    """Return the tree of a family, as CSV."""
    return numbers("tree", of_family(door, name))


@PAGES.file("/model/{name:segment}/figure/{kind}.svg", SVG)
def figure_drawn(door: Door, name: str, kind: ModelKind) -> str:
    """Return a figure of a model, drawn."""
    return drawing(kind, of_model(door, name))


@PAGES.file("/model/{name:segment}/figure/{kind}.csv", CSV)
def figure_in_numbers(door: Door, name: str, kind: ModelKind) -> str:
    """Return the numbers of a figure of a model, as CSV."""
    return numbers(kind, of_model(door, name))
