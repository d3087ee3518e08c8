"""Layer drift, a family and the map of all models in lines of text, without matplotlib."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from registry.figures.figure_data import TINY
from registry.figures.layer_drift import LayerDrift
from registry.figures.text_figures import BLOCKS, heading, title
from registry.legible import glimpse, legible

if TYPE_CHECKING:
    from registry.figures.atlas_map import AtlasMap
    from registry.figures.family_tree import FamilyTree
    from registry.figures.kinds import Models

ROWS, COLUMNS = 20, 72  # of the map
MOST_COLUMNS = 68  # of a strip: neighbouring layers of more share a block
INDENT = "  "
WIDEST = 80  # columns
LONGEST_NAME = 60  # characters
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def layers(models: "Models") -> Iterator[str]:
    """Yield a strip for every projection: a block for every layer, higher for more drift."""
    child, parent = models
    drift = LayerDrift.between(child, parent)
    known = drift.drift[~np.isnan(drift.drift)]
    largest = float(known.max())
    yield f"{drift.child} from {drift.parent}"
    yield f"a full block is a relative change of {largest:.2%}"
    rows = drift.rows
    per_block = -(-rows.shape[1] // MOST_COLUMNS)
    for projection, row in zip(drift.projections, rows, strict=True):
        parts = np.split(row, range(per_block, len(row), per_block))
        blocks = [block(part, largest) for part in parts]
        yield f"{heading(projection)}{''.join(blocks)}"
    yield f"median {np.median(known):.2%}"


def block(drift: np.ndarray, largest: float) -> str:
    """Return a block for the largest drift of some layers; a dash where none is known."""
    known = drift[~np.isnan(drift)]
    if not len(known):
        return "-"
    share = float(known.max()) / max(largest, TINY)
    return BLOCKS[round(8 * share)]


def tree(family: "FamilyTree") -> Iterator[str]:
    """Yield a line for every model, further in for every step from its root."""
    for place in family.placed():
        how = f"  {legible(place.made_from.how)}" if place.made_from else ""
        line = f"{INDENT * place.depth}{glimpse(place.name, LONGEST_NAME)}{how}"
        yield line if len(line) <= WIDEST else f"{line[: WIDEST - 3]}..."


def atlas(places: "AtlasMap") -> Iterator[str]:
    """Yield the map with a letter for every model, and what family each letter stands for."""
    left, bottom, right, top = places.window
    characters = np.full((ROWS, COLUMNS), " ")
    for place in places.places:
        row = round((top - place.y) / (top - bottom) * (ROWS - 1))
        column = round((place.x - left) / (right - left) * (COLUMNS - 1))
        characters[row, column] = LETTERS[places.series(place.family)]
    for line in characters:
        yield (INDENT + "".join(line)).rstrip()

    for number, family in enumerate(places.legend):
        count = sum(places.series(place.family) == number for place in places.places)
        yield f"{LETTERS[number]} {title(legible(family))}{count:6,}"
