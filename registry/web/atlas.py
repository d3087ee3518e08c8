"""The map of all models, tile by tile: it is zoomed by links."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from fastapi import Path
from fastapi.responses import RedirectResponse

from registry.database.pages.atlas import MapTile, map_tile, tile_of
from registry.errors import NoSuchPage, NotOnMap
from registry.figures.atlas_map import AtlasMap
from registry.figures.kinds import Subject
from registry.numerics.tiles import DEEPEST, WHOLE, Tile, tile_at
from registry.report.pictures import atlas_map
from registry.web import addresses
from registry.web.figures import CSV, SVG, drawn_anew, numbers
from registry.web.pages import Door, Pages

PAGES = Pages()
SIDE = 1000  # of the drawing, in its own units
CLOSER = 2  # zooms that a cluster's name leads closer
LISTED = 60  # models below the map
MARKS = (
    "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0 -12 0",
    "M-6 -6h12v12h-12z",
    "M0 -7L7 6H-7z",
    "M0 -8L8 0L0 8L-8 0z",
    "M0 7L7 -6H-7z",
    "M-2 -7h4v5h5v4h-5v5h-4v-5h-5v-4h5z",
    "M-6 -6L6 6M6 -6L-6 6",
)
"""Paths of the families' markers, told apart without colour: the seventh stands for all others."""
MOVES = (("west", -1, 0), ("north", 0, 1), ("south", 0, -1), ("east", 1, 0))

Zoom = Annotated[
    int, Path(ge=0, le=DEEPEST, description="0 is the whole map; each is twice as near.")
]
Column = Annotated[int, Path(ge=0, lt=2**DEEPEST, description="Of 2^zoom, from the left.")]
Row = Annotated[int, Path(ge=0, lt=2**DEEPEST, description="Of 2^zoom, from the bottom.")]


@dataclass(frozen=True)
class Mark:
    """A model on the drawing: where, by which marker."""

    name: str
    family: str
    x: float
    y: float
    series: int


@dataclass(frozen=True)
class Label:
    """A cluster's name on the drawing, and the address of the tile around it."""

    text: str
    models: int
    x: float
    y: float
    address: str


@dataclass(frozen=True)
class Move:
    """A link to another tile: what it is called, and where it leads."""

    text: str
    address: str


@dataclass(frozen=True)
class Quarter:
    """A quarter of the drawing, which leads closer: its left and top."""

    x: int
    y: int
    name: str
    address: str


@dataclass(frozen=True)
class AtlasPage:
    """A tile of the map of all models."""

    content: MapTile

    @cached_property
    def map(self) -> AtlasMap:
        """The tile as figures have it."""
        return atlas_map(self.content)

    @property
    def tile(self) -> Tile:
        """Which tile it is."""
        return self.content.tile

    @property
    def side(self) -> int:
        """The side of the drawing."""
        return SIDE

    @property
    def markers(self) -> tuple[str, ...]:
        """The paths of the markers, by series."""
        return MARKS

    @property
    def legend(self) -> tuple[str, ...]:
        """What the markers stand for."""
        return self.map.legend

    @property
    def marks(self) -> list[Mark]:
        """The models that are shown."""
        marks = []
        for place in self.map.places:
            x, y = self.spot(place.x, place.y)
            marks.append(Mark(place.name, place.family, x, y, self.map.series(place.family)))
        return marks

    @property
    def listed(self) -> list[Mark]:
        """The first of these, which stand below the map."""
        return self.marks[:LISTED]

    @property
    def labels(self) -> list[Label]:
        """The names of the clusters."""
        labels = []
        for cluster in self.map.clusters:
            x, y = self.spot(cluster.x, cluster.y)
            closer = tile_at(min(self.tile.zoom + CLOSER, DEEPEST), cluster.x, cluster.y)
            address = addresses.atlas(closer)
            labels.append(Label(cluster.name, cluster.models, x, y, address))
        return labels

    @property
    def quarters(self) -> list[Quarter]:
        """What leads closer."""
        half = SIDE // 2
        quarters = []
        for quarter in self.tile.quarters:
            east, north = quarter.column % 2, quarter.row % 2
            name = f"{('south', 'north')[north]} {('west', 'east')[east]}"
            address = addresses.atlas(quarter)
            quarters.append(Quarter(half * east, half * (1 - north), name, address))
        return quarters

    @property
    def moves(self) -> list[Move]:
        """What leads away: to the whole map, wider, and to the tiles beside."""
        moves = []
        above = self.tile.above
        if above:
            moves += [Move("whole map", addresses.atlas()), Move("wider", addresses.atlas(above))]
        for name, columns, rows in MOVES:
            beside = self.tile.beside(columns, rows)
            if beside:
                moves.append(Move(name, addresses.atlas(beside)))
        return moves

    @property
    def address(self) -> str:
        """Its own address, without an ending."""
        return addresses.atlas(self.tile)

    def spot(self, x: float, y: float) -> tuple[float, float]:
        """Return a place as it is drawn."""
        left, _, right, top = self.tile.window
        scale = SIDE / (right - left)
        return round((x - left) * scale, 1), round((top - y) * scale, 1)

    def json(self) -> dict[str, Any]:
        """Return what the twin holds."""
        content = self.content
        return {
            "tile": content.tile._asdict(),
            "window": content.tile.window,
            "models": content.models,
            "places": [place._asdict() for place in content.places],
            "clusters": [cluster._asdict() for cluster in content.clusters],
        }


def tile_for(zoom: int, column: int, row: int) -> Tile:
    """Return a tile of the map. Raises NoSuchPage beyond it."""
    tile = Tile(zoom, column, row)
    if not tile.is_on_map:
        raise NoSuchPage(path=f"/atlas/{zoom}/{column}/{row}")
    return tile


def part_of_map(door: Door, tile: Tile) -> MapTile:
    """Return what a tile shows."""
    return door.ask(lambda session: map_tile(session, tile))


@PAGES.page("/atlas", "atlas.html")
def atlas(door: Door) -> AtlasPage:
    """Return the map of all models."""
    return AtlasPage(part_of_map(door, WHOLE))


@PAGES.file("/atlas.svg", SVG)
def atlas_drawn(door: Door) -> str:
    """Return the map of all models, drawn."""
    return map_drawn(part_of_map(door, WHOLE))


@PAGES.file("/atlas.csv", CSV)
def atlas_in_numbers(door: Door) -> str:
    """Return where models stand on the map, as CSV: those that the whole map shows."""
    return numbers("atlas", Subject(atlas=atlas_map(part_of_map(door, WHOLE))))


@PAGES.file("/atlas/{zoom}/{column}/{row}.svg", SVG)
def tile_drawn(door: Door, zoom: Zoom, column: Column, row: Row) -> str:
    """Return a tile of the map, drawn."""
    return map_drawn(part_of_map(door, tile_for(zoom, column, row)))


@PAGES.file("/atlas/{zoom}/{column}/{row}.csv", CSV)
def tile_in_numbers(door: Door, zoom: Zoom, column: Column, row: Row) -> str:
    """Return where the models stand that a tile of the map shows, as CSV."""
    tile = part_of_map(door, tile_for(zoom, column, row))
    return numbers("atlas", Subject(atlas=atlas_map(tile)))


# After its files: a row would take `.svg` as part of it.
@PAGES.page("/atlas/{zoom}/{column}/{row}", "atlas.html")
def atlas_tile(door: Door, zoom: Zoom, column: Column, row: Row) -> AtlasPage:
    """Return a tile of the map of all models."""
    return AtlasPage(part_of_map(door, tile_for(zoom, column, row)))


def map_drawn(tile: MapTile) -> str:
    """Return a tile as a figure."""
    return drawn_anew("atlas", Subject(atlas=atlas_map(tile)))


@PAGES.router.get("/model/{name:segment}/atlas", include_in_schema=False)
def on_map(door: Door, name: str) -> RedirectResponse:
    """Lead to the tile that shows a model. Raises NotOnMap."""
    tile = door.ask(lambda session: tile_of(session, name))
    if tile is None:
        raise NotOnMap(name=name)
    return RedirectResponse(addresses.atlas(tile))
