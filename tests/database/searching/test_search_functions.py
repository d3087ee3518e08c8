"""Migration 0013: the search in SQL gives what looking at all models gives, in Python."""

import numpy as np
import psycopg
import pytest
from places import execute, rows
from searched_made import FIRST, cosine_distances, directions, halfvec, store

from registry.fingerprints.record import VERSION

NEAR_STD = "SELECT model_id, distance FROM registry_tables.near_std(%s, %s, %s) ORDER BY distance, model_id"
SEVEN, WITHOUT_GATE = 127, 111  # sets of projections, as bits
NO_GATE = ("query", "key", "value", "output", "up", "down")


def group(projections=SEVEN, *, adapter=False, version=VERSION):
    """The number of a search group."""
    return version * 256 + 128 * adapter + projections


def vectors(name, count=400):
    """Std vectors of a shape that a search may find hard."""
    draw = np.random.default_rng(3)
    if name == "random":
        return np.exp(draw.normal(-4, 0.5, (count, 7)))
    if name == "clustered":
        centres = np.exp(draw.normal(-4, 0.3, (8, 7)))
        return centres[draw.integers(0, 8, count)] * np.exp(1e-7 * draw.standard_normal((count, 7)))
    if name == "tied":
        few = np.exp(draw.normal(-4, 0.3, (5, 7)))
        return few[draw.integers(0, 5, count)] * 2.0 ** draw.integers(-3, 3, (count, 1))
    if name == "zero":
        std = np.exp(draw.normal(-4, 0.5, (count, 7)))
        std[::3] = 0
        return std
    if name == "one projection each":
        return np.eye(7)[draw.integers(0, 7, count)] * 0.02
    return np.full((count, 7), 0.02)


@pytest.fixture(params=["index", "no index"])
def searched(request, own_url):
    """A database with the tree of boxes, and one without, as a server without cube has it."""
    if request.param == "no index":
        execute(own_url, "DROP INDEX registry_tables.fingerprints_point_search_idx")
    return own_url


def near(url, std, number, k):
    """What the function answers: numbers of models, and distances."""
    with psycopg.connect(url) as connection:
        answer = connection.execute(NEAR_STD, (list(std), number, k)).fetchall()
    return [row[0] for row in answer], np.array([row[1] for row in answer])


def test_near_std_is_exact(searched):
    """The k smallest of all distances, with all that are as near as the k-th."""
    for name in ("random", "clustered", "tied", "zero", "one projection each", "equal"):
        std = vectors(name)
        execute(searched, "DELETE FROM registry_tables.models")
        store(searched, std)
        execute(searched, "ANALYZE registry_tables.fingerprints")
        for place in (0, 1, 7, 399):
            expected = cosine_distances(std[place], std)
            for k in (1, 10, 399, 1000):
                numbers, distances = near(searched, std[place], group(), k)
                smallest = np.sort(expected)[:k]
                given = distances[: len(smallest)]
                assert given == pytest.approx(smallest, rel=1e-6, abs=1e-18), name
                assert len(numbers) >= len(smallest)
                assert distances.max() <= smallest[-1] * (1 + 1e-6) + 1e-18
                assert len(set(numbers)) == len(numbers)


def test_near_std_keeps_to_its_group(searched):
    """Kinds, versions and sets of projections do not mix, however near the others are."""
    draw = np.random.default_rng(4)
    std = np.exp(draw.normal(-4, 0.1, (30, 7)))
    store(searched, std)
    store(searched, std, kind="adapter", first=FIRST + 100)
    store(searched, std, version=VERSION - 1, first=FIRST + 200)
    store(searched, std, projections=NO_GATE, first=FIRST + 300)
    for number, first in (
        (group(), 0),
        (group(adapter=True), 100),
        (group(version=VERSION - 1), 200),
        (group(WITHOUT_GATE), 300),
    ):
        numbers, _ = near(searched, std[0], number, 50)
        assert sorted(numbers) == list(range(FIRST + first, FIRST + first + 30))
    assert near(searched, std[0], group(1), 50)[0] == []


def test_a_model_of_another_version_changes_its_group(searched):
    """Its fingerprint and outline are then searched with those of the new version."""
    draw = np.random.default_rng(5)
    store(searched, np.exp(draw.normal(-4, 0.1, (3, 7))), {"start": directions((3, 256), draw)})
    execute(searched, f"UPDATE registry_tables.models SET fingerprint_version = 1 WHERE id = {FIRST}")  # fmt: skip
    for table, numbers in (("fingerprints", (256 + 127, 895)), ("outlines", (256, 768))):
        groups = rows(searched, f"SELECT DISTINCT search_group FROM registry_tables.{table} ORDER BY 1")  # fmt: skip
        assert groups == [(number,) for number in numbers]


def test_nothing_is_near_where_nothing_is(url):
    """An empty registry, and a question without an answer."""
    assert near(url, [0.02] * 7, group(), 5)[0] == []
    store(url, np.full((2, 7), 0.02))
    assert near(url, [0.02] * 7, group(), 0)[0] == []


def test_nearest_fingerprints_of_zeros(url):
    """A model of zeros is as far from every other as can be, and no error."""
    store(url, np.concatenate([np.zeros((1, 7)), np.full((1, 7), 0.02)]))
    query = (
        "SELECT model, std_distance FROM registry.nearest_fingerprints("
        "ARRAY[{}]::float8[], ARRAY[1,1,1,1,1,1,1], ARRAY['query','key','value','output','gate','up','down'],"
        " 'model', 3, 5) ORDER BY 1"
    )
    ones = query.format("1,1,1,1,1,1,1")
    assert rows(url, ones) == [
        (f"m{FIRST}", 1.0),
        (f"m{FIRST + 1}", pytest.approx(0, abs=1e-15)),
    ]
    assert [row[1] for row in rows(url, query.format("0,0,0,0,0,0,0"))] == [1.0, 1.0]


@pytest.mark.parametrize("indexed", [False, True], ids=["scan", "lists"])
def test_near_outlines_by_the_best_kind(own_url, indexed):
    """The same models by lists, all of which are looked into, as by the scan; the best kind counts."""
    draw = np.random.default_rng(6)
    outlines = {kind: directions((200, 256), draw) for kind in ("start", "stream", "token")}
    outlines["token"] = [
        None if place % 5 == 0 else row for place, row in enumerate(outlines["token"])
    ]
    store(own_url, np.exp(draw.normal(-4, 0.3, (200, 7))), outlines)
    store(own_url, np.exp(draw.normal(-4, 0.3, (20, 7))), {"start": directions((20, 256), draw)},
          version=2, first=FIRST + 500)  # fmt: skip
    if indexed:
        for kind in outlines:
            execute(
                own_url,
                f"CREATE INDEX outlines_{kind}_768_search_idx ON registry_tables.outlines"
                f" USING ivfflat ({kind} halfvec_ip_ops) WITH (lists = 4) WHERE search_group = 768",
            )
        execute(own_url, "ANALYZE registry_tables.outlines")
    asked = {kind: outlines[kind][7] for kind in ("start", "stream")} | {
        "token": outlines["token"][8]
    }
    query = """SELECT model_id, cosine FROM registry_tables.near_outlines(
        %s::halfvec, %s::halfvec, %s::halfvec, %s, %s, 'model', 3, 20)"""
    with psycopg.connect(own_url) as connection:
        written = [halfvec(asked[kind]) for kind in ("start", "stream", "token")]
        answer = connection.execute(query, (*written, [0.02] * 7, list(NO_GATE))).fetchall()
        without = connection.execute(query, (written[0], None, None, [0.02] * 7, [])).fetchall()
    expected = []
    for place in range(200):
        cosines = [
            float(asked[kind] @ outlines[kind][place])
            for kind in asked
            if outlines[kind][place] is not None
        ]
        expected.append(max(cosines))
    order = np.argsort(expected)[::-1][:20]
    assert {answer[0][0], answer[1][0]} == {FIRST + 7, FIRST + 8}
    assert [cosine for _, cosine in answer] == pytest.approx(np.array(expected)[order], abs=2e-3)
    assert without[0][0] == FIRST + 7


def test_counts_are_kept(url):
    """Models and families that come, go, change and are all removed are counted by kind and version."""
    draw = np.random.default_rng(7)
    counted = """SELECT kind, fingerprint_version, models, families FROM registry_tables.model_counts
                 WHERE models > 0 ORDER BY 1, 2"""
    store(url, draw.random((5, 7)))
    store(url, draw.random((2, 7)), first=FIRST + 10)
    store(url, draw.random((1, 7)), kind="adapter", first=FIRST + 20)
    assert rows(url, counted) == [("adapter", 3, 1, 1), ("model", 3, 7, 2)]
    execute(url, f"UPDATE registry_tables.models SET fingerprint_version = 2 WHERE id >= {FIRST + 10}")  # fmt: skip
    assert rows(url, counted) == [("adapter", 2, 1, 1), ("model", 2, 2, 1), ("model", 3, 5, 1)]
    execute(url, f"DELETE FROM registry_tables.models WHERE id = {FIRST + 10}")
    execute(url, f"UPDATE registry_tables.models SET family_id = (SELECT family_id FROM registry_tables.models"
                 f" WHERE id = {FIRST + 11}) WHERE id = {FIRST}")  # fmt: skip
    assert rows(url, counted) == [("adapter", 2, 1, 1), ("model", 2, 1, 1), ("model", 3, 5, 2)]
    execute(url, "TRUNCATE registry_tables.models CASCADE")
    assert rows(url, counted) == []
