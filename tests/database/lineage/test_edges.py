"""registry.database.lineage.edges, trees and families: what the tables hold to, whoever writes them."""

import psycopg
import pytest
from places import execute, rows

import registry

MODELS = """
WITH family AS (INSERT INTO registry_tables.families (name) VALUES ('f') RETURNING id)
INSERT INTO registry_tables.models (name, kind, family_id, source, architecture, dtype, parameters, layers, hidden_size,
    digest, fingerprint_version, tool_version)
SELECT 'm' || i, 'model', family.id, '.', 'A', 'BF16', 1, 1, 1, repeat(i::text, 64), 3, '1'
FROM family, generate_series(1, 4) AS i
"""
EDGE = """
INSERT INTO registry_tables.edges (child_id, parent_id, relation, direction, main, evidence, changes,
    fingerprint_version, because)
SELECT c.id, p.id, 'derived', 'shown', {main}, '[]', '[]', 3, 'a test'
FROM registry_tables.models AS c, registry_tables.models AS p WHERE c.name = '{child}' AND p.name = '{parent}'
"""


@pytest.fixture
def models(url):
    """The address of a database with models m1 to m4."""
    execute(url, MODELS)
    return url


def draw(url, child, parent, main="true"):
    """Insert an edge."""
    execute(url, EDGE.format(child=child, parent=parent, main=main))


def test_no_model_is_its_own_ancestor(models):
    """The table refuses an edge that closes a cycle, main or not, over any number of models."""
    draw(models, "m2", "m1")
    draw(models, "m3", "m2")
    draw(models, "m4", "m3")
    for child, parent in [("m1", "m2"), ("m1", "m4"), ("m2", "m4")]:
        with pytest.raises(psycopg.errors.CheckViolation, match="its own ancestor"):
            draw(models, child, parent, main="false")
    with pytest.raises(psycopg.errors.CheckViolation, match="apart"):
        draw(models, "m1", "m1")


def test_a_superseded_edge_closes_no_cycle(models):
    """What was believed once may be turned around; but not brought back then."""
    draw(models, "m2", "m1")
    execute(models, "UPDATE registry_tables.edges SET superseded_at = now()")
    draw(models, "m1", "m2")
    with pytest.raises(psycopg.errors.CheckViolation, match="its own ancestor"):
        execute(models, "UPDATE registry_tables.edges SET superseded_at = NULL")


def test_two_halves_of_a_cycle_take_turns(models):
    """Two transactions at once: the second waits for the first, and is refused."""
    with psycopg.connect(models) as one, psycopg.connect(models) as other:
        one.execute(EDGE.format(child="m2", parent="m1", main="true"))
        other.execute("SET LOCAL lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute(EDGE.format(child="m1", parent="m2", main="true"))


def test_one_main_parent(models):
    """A second is refused while the first stands."""
    draw(models, "m3", "m1")
    with pytest.raises(psycopg.errors.UniqueViolation, match="edges_main_idx"):
        draw(models, "m3", "m2")
    draw(models, "m3", "m2", main="false")


def test_the_tree_is_read(models):
    """With the models that have no relative, unless one is asked for."""
    draw(models, "m2", "m1")
    draw(models, "m3", "m2")
    with registry.Registry(models) as known:
        tree, part = known.tree(), known.tree("m2")
    assert [node.name for node in tree.nodes] == ["m1", "m2", "m3", "m4"]
    assert [node.name for node in part.nodes] == ["m1", "m2", "m3"]
    assert tree.edges == part.edges
    assert [(edge.child, edge.parent) for edge in tree.edges] == [("m2", "m1"), ("m3", "m2")]


def test_edges_go_with_their_models(models):
    """The log stays."""
    draw(models, "m2", "m1")
    execute(models, "DELETE FROM registry_tables.models WHERE name = 'm1'")
    assert rows(models, "SELECT count(*) FROM registry_tables.edges") == [(0,)]
