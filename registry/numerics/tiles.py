"""A map in tiles: squares of a quarter of the area at each zoom, and what each of them shows.

The map is the one tile of zoom 0. A place's code interleaves the bits of its column and row, the
row's first (Morton's order): a tile of any zoom is one range of codes.
"""

from typing import NamedTuple

import numpy as np

BITS = 16  # of a column and of a row
DEEPEST = 12  # zoom
NEVER = 99  # instead of a zoom, of a place that is counted and not shown
SPREADS = (
    (8, 0x00FF00FF),
    (4, 0x0F0F0F0F),
    (2, 0x33333333),
    (1, 0x55555555),
)
"""By how much halves of a number's bits are moved apart, and which are then left."""


class Tile(NamedTuple):
    """A square of the map.

    Attributes:
        zoom: From 0 to DEEPEST.
        column, row: From 0 to 2^zoom - 1, from the left and from the bottom.
    """

    zoom: int
    column: int
    row: int

    @property
    def is_on_map(self) -> bool:
        """Whether there is such a tile."""
        count = 1 << max(0, min(self.zoom, DEEPEST))
        fits = 0 <= self.column < count and 0 <= self.row < count
        return 0 <= self.zoom <= DEEPEST and fits

    @property
    def window(self) -> tuple[float, float, float, float]:
        """Its left, bottom, right and top."""
        size = 0.5**self.zoom
        left, bottom = self.column * size, self.row * size
        return left, bottom, left + size, bottom + size

    @property
    def codes(self) -> tuple[int, int]:
        """The first and the last code in it."""
        shift = 2 * (BITS - self.zoom)
        first = interleaved(self.column, self.row) << shift
        return first, first + (1 << shift) - 1

    @property
    def above(self) -> "Tile | None":
        """The tile that it is a quarter of; None of the whole map."""
        return Tile(self.zoom - 1, self.column // 2, self.row // 2) if self.zoom else None

    @property
    def quarters(self) -> "tuple[Tile, ...]":
        """Its four quarters, from below left; none at the deepest zoom."""
        if self.zoom == DEEPEST:
            return ()
        zoom, column, row = self.zoom + 1, 2 * self.column, 2 * self.row
        return tuple(Tile(zoom, column + dx, row + dy) for dy in (0, 1) for dx in (0, 1))

    def beside(self, columns: int, rows: int) -> "Tile | None":
        """Return the tile so many columns to the right and rows above; None beyond the map."""
        other = Tile(self.zoom, self.column + columns, self.row + rows)
        return other if other.is_on_map else None


WHOLE = Tile(0, 0, 0)
"""All of the map."""


def tile_at(zoom: int, x: float, y: float) -> Tile:
    """Return the tile of a zoom that a place lies in."""
    last = (1 << zoom) - 1
    column, row = int(x * (last + 1)), int(y * (last + 1))
    return Tile(zoom, min(max(column, 0), last), min(max(row, 0), last))


def interleaved(column: int, row: int) -> int:
    """Return a number whose bits are those of a row and a column in turn."""
    return int(spread(np.array(column)) | (spread(np.array(row)) << 1))


def spread(numbers: np.ndarray) -> np.ndarray:
    """Return numbers of 16 bits with a zero before each bit."""
    apart = numbers.astype(np.int64)
    for shift, kept in SPREADS:
        apart = (apart | (apart << shift)) & kept
    return apart


def codes_of(places: np.ndarray) -> np.ndarray:
    """Return the codes of places from 0 to 1: n x 2 to n."""
    most = (1 << BITS) - 1
    cells = np.clip((places * (most + 1)).astype(np.int64), 0, most)
    codes: np.ndarray = spread(cells[:, 0]) | (spread(cells[:, 1]) << 1)
    return codes


def zooms_of(codes: np.ndarray, most: int, deepest: int = DEEPEST) -> np.ndarray:
    """Return the zoom from which each place is shown; NEVER of what no zoom has room for.

    Every tile shows the first `most` places that no wider tile shows. What comes later in the order
    changes nothing for what comes before.

    Args:
        codes: In the order in which places are shown.
    """
    zooms = np.full(len(codes), NEVER)
    left = np.arange(len(codes))
    for zoom in range(deepest + 1):
        tiles = codes[left] >> (2 * (BITS - zoom))
        is_shown = ranks_within(tiles) < most
        zooms[left[is_shown]] = zoom
        left = left[~is_shown]
    return zooms


def ranks_within(groups: np.ndarray) -> np.ndarray:
    """Return of each number how many equal ones stand before it."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    is_first = np.ones(len(groups), bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    starts = np.maximum.accumulate(np.where(is_first, np.arange(len(groups)), 0))
    ranks = np.empty(len(groups), int)
    ranks[order] = np.arange(len(groups)) - starts
    return ranks
