"""registry.numerics.tiles: a map in squares."""

from itertools import pairwise

import numpy as np
import pytest

from registry.numerics.tiles import DEEPEST, NEVER, WHOLE, Tile, codes_of, tile_at, zooms_of


@pytest.mark.parametrize("zoom", [0, 1, 5, DEEPEST])
def test_a_tile_is_a_range_of_codes(zoom):
    """A place is in its tile by both, and in none beside it."""
    draw = np.random.default_rng(zoom)
    for x, y in draw.random((50, 2)):
        tile = tile_at(zoom, x, y)
        left, bottom, right, top = tile.window
        assert left <= x <= right
        assert bottom <= y <= top
        [code] = codes_of(np.array([[x, y]]))
        first, last = tile.codes
        assert first <= code <= last
        beside = tile.beside(1, 0) or tile.beside(-1, 0)
        if beside:
            first, last = beside.codes
            assert not first <= code <= last


def test_quarters_are_within():
    """Four, whose codes are those of the tile; each is a quarter of that tile."""
    tile = Tile(3, 5, 2)
    ranges = sorted(quarter.codes for quarter in tile.quarters)
    assert ranges[0][0] == tile.codes[0]
    assert ranges[-1][1] == tile.codes[1]
    assert [later[0] - earlier[1] for earlier, later in pairwise(ranges)] == [1, 1, 1]
    assert {quarter.above for quarter in tile.quarters} == {tile}
    assert WHOLE.above is None
    assert Tile(DEEPEST, 0, 0).quarters == ()


@pytest.mark.parametrize(
    "tile",
    [Tile(-1, 0, 0), Tile(DEEPEST + 1, 0, 0), Tile(1, 2, 0), Tile(1, 0, -1), Tile(10**9, 1, 1)],
    ids=["below", "deep", "right", "under", "huge"],
)
def test_tiles_that_there_are_not(tile):
    """Of any number."""
    assert not tile.is_on_map


def test_the_rim_belongs_to_the_last_tile():
    """At 1 there is a tile, too."""
    assert tile_at(4, 1.0, 1.0) == Tile(4, 15, 15)
    assert WHOLE.beside(1, 0) is None


def test_a_tile_shows_so_many():
    """Of a thousand places at most ten for each tile and zoom; the first come first."""
    places = np.random.default_rng(0).random((1000, 2))
    codes = codes_of(places)
    zooms = zooms_of(codes, 10)
    assert zooms[:10].tolist() == [0] * 10
    for zoom in range(4):
        shown = codes[zooms == zoom] >> (2 * (16 - zoom))
        assert np.bincount(shown).max() <= 10
    assert (zooms < NEVER).all()


def test_who_comes_later_changes_nothing():
    """A place keeps its zoom as others come after it."""
    codes = codes_of(np.random.default_rng(1).random((500, 2)))
    assert np.array_equal(zooms_of(codes, 5)[:300], zooms_of(codes[:300], 5))


def test_too_many_in_one_spot():
    """Are counted, and not shown."""
    zooms = zooms_of(codes_of(np.full((200, 2), 0.3)), 10, deepest=3)
    assert (zooms < NEVER).sum() == 40
