"""registry.database.searching.search_indexes and search_check: lists are built, and what they miss is measured."""

import numpy as np
import pytest
from places import EXAMPLES, execute, rows
from searched_made import FIRST, directions, store
from sqlalchemy import text

import registry
from registry.database.connecting.connection import open_database
from registry.database.connecting.transactions import answer_of
from registry.database.searching import search_check, search_indexes
from registry.database.searching.search_check import Recall
from registry.errors import SearchIndexDenied

NAMES = """SELECT relname FROM pg_class WHERE relkind = 'i' AND relname LIKE '%\\_search\\_idx%' ORDER BY 1"""


@pytest.fixture
def families(own_url, monkeypatch):
    """300 models of 30 families, where 100 are enough for lists, and an engine on them."""
    monkeypatch.setattr(search_indexes, "FEW", 100)
    draw = np.random.default_rng(8)
    family = np.repeat(np.arange(30), 10)
    outlines = {}
    for kind in ("start", "stream", "token"):
        moved = directions((30, 256), draw)[family] + 0.03 * draw.standard_normal((300, 256))
        outlines[kind] = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    outlines["own"] = directions((300, 64), draw)
    std = np.exp(draw.normal(-4, 0.3, (30, 7)))[family] * np.exp(0.01 * draw.standard_normal((300, 7)))  # fmt: skip
    store(own_url, std, outlines)
    with open_database(own_url) as engine:
        yield own_url, engine


def test_lists_are_built_and_go(families, monkeypatch):
    """Four of outlines; again they take the old ones' place, and none is left where models are few."""
    url, engine = families
    built = search_indexes.build(engine)
    assert [(index.name, index.exact) for index in built] == [
        ("fingerprints_point_search_idx", True),
        ("outlines_own_768_search_idx", False),
        ("outlines_start_768_search_idx", False),
        ("outlines_stream_768_search_idx", False),
        ("outlines_token_768_search_idx", False),
    ]
    assert [index.name for index in search_indexes.build(engine)] == [row[0] for row in rows(url, NAMES)]  # fmt: skip
    monkeypatch.setattr(search_indexes, "FEW", 1000)
    assert [index.name for index in search_indexes.build(engine)] == ["fingerprints_point_search_idx"]  # fmt: skip


def test_what_the_searches_find(families):
    """All neighbours and relatives, by the tree of boxes and by lists; nine relatives of each model."""
    _, engine = families
    search_indexes.build(engine)
    by_std, by_outline = answer_of(engine, lambda session: search_check.check(session, 20))
    assert by_std == Recall("std vectors", models=20, expected=200, missed=0, worst=1.0)
    assert by_outline == Recall("outlines", models=20, expected=200, missed=0, worst=1.0)


def test_what_is_missed_is_counted(families):
    """A search that answers with any models at all is seen through."""
    url, engine = families
    function = """CREATE OR REPLACE FUNCTION registry_tables.near_std(std float8[], search_group integer, k integer)
        RETURNS TABLE (model_id integer, distance float8) LANGUAGE sql ROWS 20
        AS 'SELECT model_id, 2.0::float8 FROM registry_tables.fingerprints AS f WHERE f.model_id % 2 = 0 LIMIT $3'"""
    execute(url, function)
    by_std, _ = answer_of(engine, lambda session: search_check.check(session, 20))
    assert (by_std.expected, by_std.missed, by_std.recall, by_std.worst) == (200, 200, 0.0, 0.0)


def test_std_vectors_by_lists_without_cube(families, monkeypatch):
    """A server without cube gets lists of std vectors, and what they miss is measured."""
    url, engine = families
    execute(url, "DROP INDEX registry_tables.fingerprints_point_search_idx")
    execute(url, "DROP EXTENSION cube")
    with monkeypatch.context() as server_without:
        server_without.setattr(search_indexes, "CUBE_AT_HAND", text("SELECT false"))
        built = search_indexes.build(engine)
    assert "fingerprints_std_895_search_idx" in [index.name for index in built]
    by_std, _ = answer_of(engine, lambda session: search_check.check(session, 20))
    assert by_std.recall >= 0.999
    assert "fingerprints_point_search_idx" in [index.name for index in search_indexes.build(engine)]


def test_many_models_without_lists_are_told(families):
    """Their number, until lists are built; few models need none."""
    _, engine = families
    assert looked_at(engine, "model", 300) == 300
    assert looked_at(engine, "adapter", 0) == 0
    search_indexes.build(engine)
    assert looked_at(engine, "model", 300) == 0


def looked_at(engine, kind, models):
    """Return how many of so many models a search looks at for want of an index."""
    return answer_of(engine, lambda session: search_indexes.unindexed(session, kind, models))


def test_a_question_among_many_without_lists(families, caplog):
    """The answer comes with the advice to build them, which is right."""
    url, engine = families
    with registry.Registry(url) as known:
        known.identify(EXAMPLES / "llama-tiny")
        assert "All of 300 models are looked at" in caplog.text
        caplog.clear()
        search_indexes.build(engine)
        known.identify(EXAMPLES / "llama-tiny")
        assert caplog.text == ""


def test_old_versions_get_no_lists(families):
    """They are asked for by nobody who has the version of this package."""
    url, engine = families
    execute(url, f"UPDATE registry_tables.models SET fingerprint_version = 2 WHERE id >= {FIRST + 50}")  # fmt: skip
    assert [index.name for index in search_indexes.build(engine)] == ["fingerprints_point_search_idx"]  # fmt: skip


def test_who_may_not_build(families):
    """A role that does not own the tables gets a sentence, and nothing is changed."""
    url, _ = families
    execute(url, "DROP ROLE IF EXISTS reader_of_the_search")
    execute(url, "CREATE ROLE reader_of_the_search LOGIN")
    execute(url, "GRANT USAGE ON SCHEMA registry_tables, registry TO reader_of_the_search")
    execute(url, "GRANT SELECT ON ALL TABLES IN SCHEMA registry_tables TO reader_of_the_search")
    try:
        theirs = url.replace("registry@", "reader_of_the_search@")
        with (
            open_database(theirs) as reading,
            pytest.raises(SearchIndexDenied, match="reader_of_the_search.*registry db index"),
        ):
            search_indexes.build(reading)
    finally:
        execute(url, "DROP OWNED BY reader_of_the_search")
        execute(url, "DROP ROLE reader_of_the_search")


def test_recall_of_nothing():
    """Where there is nothing to find, nothing is missed."""
    empty = Recall.of("outlines", [(0, 0)])
    assert (empty.recall, empty.worst, empty.models) == (1.0, 1.0, 1)
