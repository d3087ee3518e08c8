"""registry.workflows.atlas: a map of all models, and those that come later onto it."""

from pathlib import Path

import numpy as np
import psycopg
import pytest
from searched_made import FIRST, store

import registry
from registry.database.pages.atlas import Missing
from registry.numerics.tiles import Tile
from registry.workflows import atlas as workflow

FAMILIES, MEMBERS = 12, 10


@pytest.fixture
def known(url):
    with registry.Registry(url) as opened:
        yield opened


def herd(url: str, members: int = MEMBERS, *, seed: int = 0, start: int = FIRST) -> None:
    """Register fine-tunes of twelve bases, each base's a family of its own; equal seeds, equal bases."""
    bases = np.random.default_rng(0)
    spreads = np.exp(bases.normal(0, 0.3, (FAMILIES, 7)))
    sketches = bases.normal(size=(FAMILIES, 256))
    draw = np.random.default_rng(seed)
    for family in range(FAMILIES):
        std = spreads[family] * np.exp(draw.normal(0, 0.01, (members, 7)))
        stream = sketches[family] + draw.normal(0, 0.1, (members, 256))
        store(url, std, {"stream": stream}, first=start + 1000 * family)


def places(known: registry.Registry) -> dict[str, tuple[float, float]]:
    """Return where all models stand."""
    return {place.name: (place.x, place.y) for place in known.atlas().places}


def query(url: str, statement: str) -> list[tuple[object, ...]]:
    """Return what a statement answers."""
    with psycopg.connect(url) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_families_stand_together(known, url):
    """Every model has a place; a cluster bears the name of its family."""
    herd(url)
    drawn = known.draw_map()
    assert (drawn.placed, drawn.new, drawn.anew, drawn.missing) == (120, 120, True, {})
    tile = known.atlas()
    assert tile.models == len(tile.places) == 120
    named = {cluster.number: cluster for cluster in tile.clusters}
    assert drawn.clusters >= FAMILIES - 2
    agreeing = [
        named[place.cluster].family == place.family
        for place in tile.places
        if place.cluster in named
    ]
    assert np.mean(agreeing) > 0.9
    counts = "SELECT count(*), count(x), count(cluster_family) FROM registry.atlas"
    assert query(url, counts)[0][:2] == (120, 120)


def test_the_same_models_give_the_same_map(known, url):
    """Drawn anew, and drawn after nothing came."""
    herd(url, 3)
    known.draw_map()
    before = places(known)
    assert known.draw_map().anew is False
    assert places(known) == before
    assert known.draw_map(anew=True).anew is True
    assert places(known) == before


def test_who_comes_later_joins_its_family(known, url, monkeypatch):
    """The others stay where they are."""
    monkeypatch.setattr(workflow, "SMALL", 10)
    monkeypatch.setattr(workflow, "GROWN", 0.5)
    herd(url)
    known.draw_map()
    before = places(known)
    herd(url, 2, seed=1, start=FIRST + 500)
    drawn = known.draw_map()
    assert (drawn.placed, drawn.new, drawn.anew) == (144, 24, False)
    after = places(known)
    assert {name: after[name] for name in before} == before
    for name in set(after) - set(before):
        kin = f"m{int(name[1:]) - 500}"
        assert np.hypot(*np.subtract(after[name], after[kin])) < 0.15


def test_many_that_come_are_laid_out_anew(known, url, monkeypatch):
    """As are all of a small registry."""
    monkeypatch.setattr(workflow, "SMALL", 10)
    herd(url, 2)
    known.draw_map()
    herd(url, 2, seed=1, start=FIRST + 500)
    assert known.draw_map().anew


def test_adapters_stand_beside_their_base(known, url):
    """By what they were trained on; one without a base has no place, and that is said."""
    herd(url, 2)
    store(url, np.ones((3, 7)), kind="adapter", first=FIRST + 100_000)
    change = "UPDATE registry_tables.models SET declared_base = '{}' WHERE name = 'm{}'"
    query(url, change.format(f"m{FIRST}", FIRST + 100_000))
    query(url, change.format(f"m{FIRST + 100_000}", FIRST + 100_001))
    drawn = known.draw_map()
    assert drawn.placed == 26
    assert drawn.missing == {Missing.BASE: 1}
    stand = places(known)
    gap = np.subtract(
        stand[f"m{FIRST}"], [stand[f"m{FIRST + 100_000}"], stand[f"m{FIRST + 100_001}"]]
    )
    assert np.hypot(*gap.T) == pytest.approx([workflow.BESIDE] * 2)
    missing = "SELECT model, missing FROM registry.atlas WHERE x IS NULL"
    assert query(url, missing) == [(f"m{FIRST + 100_002}", "base")]

    query(url, change.format(f"m{FIRST}", FIRST + 100_002))
    assert known.draw_map().missing == {}


def test_models_of_unequal_parts(known, url):
    """Without sketches a model stands by its spreads; without any number, or of another version, nowhere."""
    herd(url, 2)
    some = np.array([[1, 2, 3, 4, 0, 0, 5]], float)
    store(url, some, projections=("query", "key", "value", "output", "down"), first=FIRST + 100_000)
    store(url, np.ones((1, 7)), version=1, first=FIRST + 200_000)
    drawn = known.draw_map()
    assert drawn.placed == 25
    assert drawn.missing == {Missing.VERSION: 1}


def test_nothing_registered(known):
    """An empty map."""
    drawn = known.draw_map()
    assert (drawn.placed, drawn.new, drawn.clusters, drawn.missing) == (0, 0, 0, {})
    assert known.atlas().places == ()


def test_who_goes_leaves_the_map(known, url):
    """With its place; the others stay."""
    herd(url, 2)
    known.draw_map()
    known.remove(f"m{FIRST}")
    assert f"m{FIRST}" not in places(known)
    assert len(places(known)) == 23


def test_a_tile_is_a_part_of_the_map(known, url):
    """Four quarters have all models, and a place is in the window of its tile."""
    herd(url)
    known.draw_map()
    quarters = [known.atlas(quarter) for quarter in Tile(0, 0, 0).quarters]
    assert sum(quarter.models for quarter in quarters) == 120
    for quarter in quarters:
        left, bottom, right, top = quarter.tile.window
        for place in quarter.places:
            assert left <= place.x <= right
            assert bottom <= place.y <= top
    whole = known.atlas(most=1000)
    assert 48 == len(whole.places) < whole.models
    assert len(known.atlas(most=60).places) == 48
    assert len(known.atlas(most=5000).places) == 120


def test_a_tile_is_one_search_of_an_index(known, url):
    """Whatever the map holds."""
    herd(url)
    known.draw_map()
    first, last = Tile(2, 1, 1).codes
    plan = (
        "SET enable_seqscan = off; EXPLAIN SELECT * FROM registry_tables.places"
        f" WHERE code BETWEEN {first} AND {last} AND zoom = ANY('{{0,1,2}}')"
    )
    with psycopg.connect(url) as connection:
        for statement in plan.split("; "):
            cursor = connection.execute(statement)
        lines = " ".join(row[0] for row in cursor)
    assert "places_zoom_code_idx" in lines or "places_code_idx" in lines


def test_numbers_of_this_room_are_documented():
    """The bounds from which a map is laid out anew stand in the documents."""
    text = Path("docs/figures.md").read_text(encoding="utf-8")
    assert f"{workflow.SMALL:,} models" in text
    assert f"{workflow.GROWN:.0%}" in text
