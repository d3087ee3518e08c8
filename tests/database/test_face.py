"""Migration 0012: schema registry as analysts meet it, on a small registry with known answers."""

import psycopg
import pytest
from places import rows

from registry.lineage import vector_distances

HOSTILE = (
    "'",
    '"',
    "';DROP TABLE registry_tables.models;--",
    "$$",
    "%s%n",
    "a\\",
    "--",
    "{}",
    "\u202e",
    "NULL",
)
MODEL_FUNCTIONS = ("nearest_models", "descendants", "ancestors", "model_profile", "model_id")


@pytest.fixture
def face(team_url):
    """A function that returns the answer to a query, as rows."""
    with psycopg.connect(team_url) as connection:
        yield lambda query, *values: connection.execute(query, values or None).fetchall()


def test_everything_has_a_comment(url):
    """Every schema, table, view, column and function of ours says what it is."""
    relations = """
        SELECT n.nspname, c.relname, a.attname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE n.nspname IN ('registry', 'registry_tables') AND c.relkind IN ('r', 'v')
          AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)"""
    functions = """
        SELECT oid::regprocedure::text FROM pg_proc
        WHERE pronamespace IN ('registry'::regnamespace, 'registry_tables'::regnamespace)
          AND obj_description(oid, 'pg_proc') IS NULL"""
    schemas = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'registry%' AND obj_description(oid, 'pg_namespace') IS NULL"
    assert rows(url, relations) == []
    assert rows(url, functions) == []
    assert rows(url, schemas) == []


def test_nothing_vanishes(face):
    """Views of models have those of every fingerprint version, and say which."""
    versions = [(2,), (3,)]
    for view in ("models", "vectors", "model_fingerprints", "matrices", "spectra", "histograms"):
        found = face(
            f"SELECT DISTINCT fingerprint_version FROM registry.{view} WHERE {'name' if view == 'models' else 'model'} = 'qwen' ORDER BY 1"
        )
        assert found == versions, view
    assert face("SELECT fingerprint_versions FROM registry.families WHERE name = 'qwen'") == [
        ([2, 3],)
    ]
    [(number,)] = face("SELECT registry.model_id('qwen')")
    assert face("SELECT fingerprint_version FROM registry.models WHERE id = %s", number) == [(3,)]


def test_lineage_is_the_closure(face):
    """Every pair of ancestor and descendant by current edges, once, by its shortest path."""
    closure = face(
        "SELECT ancestor, descendant, distance, path, relation FROM registry.lineage ORDER BY 1, 2"
    )
    assert closure == [
        ("llama", "llama-bf16", 1, ["llama", "llama-bf16"], "quantised copy"),
        ("llama", "llama-chat", 1, ["llama", "llama-chat"], "derived"),
        ("llama", "llama-code", 2, ["llama", "llama-chat", "llama-code"], "derived"),
        ("llama", "llama-merge", 1, ["llama", "llama-merge"], "derived"),
        ("llama-chat", "llama-code", 1, ["llama-chat", "llama-code"], "derived"),
        ("llama-chat", "llama-merge", 1, ["llama-chat", "llama-merge"], "derived"),
    ]


def test_descendants_and_ancestors_agree_with_the_closure(face):
    """For every model."""
    closure = face("SELECT ancestor, descendant, distance, path, relation FROM registry.lineage")
    for (name,) in face("SELECT DISTINCT name FROM registry.models"):
        down = face(
            "SELECT descendant, distance, path, relation FROM registry.descendants(%s)", name
        )
        up = face("SELECT ancestor, distance, path, relation FROM registry.ancestors(%s)", name)
        assert sorted(down) == sorted(row[1:] for row in closure if row[0] == name)
        assert sorted(up) == sorted((a, *rest) for a, d, *rest in closure if d == name)


def test_a_ladder_of_merges_is_walked_once(own_url):
    """A model with a million paths to its ancestor has one row, by the shortest."""
    with psycopg.connect(own_url) as connection:
        connection.execute(LADDER)
        count = "SELECT count(*), max(distance) FROM registry."
        assert connection.execute(count + "lineage").fetchone() == (40 * 41 // 2, 20)
        assert connection.execute(count + "descendants('m0')").fetchone() == (40, 20)
        assert connection.execute(count + "ancestors('m40')").fetchone() == (40, 20)


def test_many_children_are_walked_once(own_url):
    """A base of thousands of models is answered in moments, from above and from below."""
    with psycopg.connect(own_url) as connection:
        connection.execute(
            LADDER.replace("generate_series(0, 40)", "generate_series(0, 3000)").partition(
                "INSERT INTO registry_tables.edges"
            )[0]
        )
        connection.execute("ALTER TABLE registry_tables.edges DISABLE TRIGGER USER")
        connection.execute(STAR)
        connection.execute("SET statement_timeout = '30s'")
        assert connection.execute(
            "SELECT count(*), max(distance) FROM registry.descendants('m0')"
        ).fetchone() == (3000, 2)
        assert connection.execute("SELECT count(*) FROM registry.lineage").fetchone() == (
            3000 + 1000,
        )


STAR = """
INSERT INTO registry_tables.edges (child_id, parent_id, relation, direction, main, evidence, changes, fingerprint_version, because)
SELECT c.id, p.id, 'derived', 'shown', true, '[]', '[]', 3, 'made'
FROM registry_tables.models AS c JOIN registry_tables.models AS p
    ON p.name = CASE WHEN c.name = 'm0' THEN NULL WHEN substr(c.name, 2)::int <= 2000 THEN 'm0' ELSE 'm1' END
"""
LADDER = """
INSERT INTO registry_tables.families (name) VALUES ('f');
INSERT INTO registry_tables.models (name, kind, family_id, source, architecture, dtype, parameters, layers, hidden_size,
    digest, fingerprint_version, tool_version)
SELECT 'm' || i, 'model', (SELECT id FROM registry_tables.families), 's', 'a', 'float32', 1, 1, 1,
       encode(sha256(i::text::bytea), 'hex'), 3, '0' FROM generate_series(0, 40) AS i ORDER BY i;
INSERT INTO registry_tables.edges (child_id, parent_id, relation, direction, main, evidence, changes, fingerprint_version, because)
SELECT c.id, p.id, 'derived', 'shown', p.id = c.id - 1, '[]', '[]', 3, 'made'
FROM registry_tables.models AS c JOIN registry_tables.models AS p ON p.id IN (c.id - 1, c.id - 2)
"""


@pytest.mark.parametrize(
    ("a", "b", "relation"),
    [
        ("llama", "llama", ("same model", 0, "llama", ["llama"])),
        ("llama-bf16", "llama", ("same weights", 0, None, ["llama-bf16", "llama"])),
        ("llama-code", "llama", ("descendant", 2, "llama", ["llama-code", "llama-chat", "llama"])),
        ("llama", "llama-code", ("ancestor", 2, "llama", ["llama", "llama-chat", "llama-code"])),
        ("llama-code", "llama-merge", ("common ancestor", 2, "llama-chat", ["llama-code", "llama-chat", "llama-merge"])),
        ("llama-lora", "llama", ("same family", None, None, None)),
        ("qwen", "llama", ("none known", None, None, None)),
    ],
)  # fmt: skip
def test_relation(face, a, b, relation):
    """One row says what a is to b."""
    assert face("SELECT * FROM registry.relation(%s, %s)", a, b) == [relation]


def test_claims_are_resolved(face):
    """A claimed base is the model of that name or source, letters' case aside; other claims have none."""
    claims = face(
        "SELECT model, claim, registered, registered_family FROM registry.claims ORDER BY 1, 2"
    )
    assert claims == [
        ("llama-chat", "base_model", "llama", "llama"),
        ("llama-chat", "licence", None, None),
        ("llama-code", "base_model", "llama-chat", "llama"),
        ("llama-merge", "base_model", None, None),
        ("qwen", "base_model", "llama", "llama"),
        ("qwen", "licence", None, None),
    ]


def test_duplicates(face):
    """Equal weights under two names are one row, and so are those that are equal once cast to bf16."""
    [row] = face(
        "SELECT equality, models, names, sources, model_count, source_count FROM registry.duplicates"
    )
    assert row == (
        "equal once cast to bf16", ["llama", "llama-bf16"], ["llama", "mirror-llama"], ["mirror/llama", "org/llama"], 2, 2,
    )  # fmt: skip


@pytest.mark.parametrize("by", ["std", "clustering", "recipe", "residual_stream", "tokens"])
def test_nearest_models_is_ordered_by_distance(face, by):
    """Each distance orders all other models of the kind and version, as `distance` measures them."""
    nearest = face("SELECT neighbour, distance FROM registry.nearest_models('llama', 20, %s)", by)
    distances = [distance for _, distance in nearest]
    assert distances == sorted(distances)
    assert {name for name, _ in nearest} == {
        "llama-bf16",
        "llama-chat",
        "llama-code",
        "llama-merge",
        "qwen",
    }
    assert nearest[-1][0] == "qwen" or by == "clustering"
    for name, distance in nearest:
        assert face("SELECT registry.distance('llama', %s, %s)", name, by) == [
            (pytest.approx(distance, abs=1e-12),)
        ]


@pytest.mark.parametrize("by", ["std", "clustering", "recipe", "residual_stream", "tokens"])
@pytest.mark.parametrize(
    ("within", "names"),
    [
        ("family:qwen", {"qwen"}),
        ("tag:production", {"llama-chat", "llama-code"}),
        ("architecture:QwenForCausalLM", {"qwen"}),
        ("descendants:llama-chat", {"llama-code", "llama-merge"}),
        ("descendants:qwen", set()),
    ],
)
def test_nearest_models_within(face, by, within, names):
    """A family, a tag, an architecture or a model's descendants keep the search to themselves."""
    nearest = face(
        "SELECT neighbour FROM registry.nearest_models('llama', 20, by => %s, within => %s)",
        by,
        within,
    )
    assert {name for (name,) in nearest} == names


def test_distances_are_those_of_python(face):
    """Vectors are compared as registry.lineage does."""
    [(a, b)] = face(
        "SELECT x.std, y.std FROM registry.vectors x, registry.vectors y WHERE x.model = 'llama' AND y.model = 'llama-chat'"
    )
    expected = vector_distances.std_distance_over_common(a, b)
    assert face("SELECT registry.distance('llama', 'llama-chat')") == [
        (pytest.approx(expected, rel=1e-9),)
    ]


def test_distance_over_common_projections(face):
    """Entries that one vector lacks do not count; of one in common there is no distance, of zeros it is 1."""
    query = "SELECT registry_tables.distance_over(%s::float8[], %s::float8[], %s::bool[])"
    assert face(query, [3.0, 4.0, 9.0], [3.0, 4.0, 0.0], [True, True, False]) == [(0.0,)]
    assert face(query, [3.0, 4.0], [3.0, 4.0], [True, False]) == [(None,)]
    assert face(query, [0.0, 0.0], [3.0, 4.0], [True, True]) == [(1.0,)]


def test_a_digest_names_a_model(face):
    """Its first eight digits do, in capitals too; fewer do not."""
    [(digest,)] = face("SELECT digest FROM registry.models WHERE name = 'llama-chat'")
    assert face("SELECT count(*) FROM registry.model_profile(%s)", digest[:8].upper()) == [(7,)]
    with pytest.raises(psycopg.Error, match="no model is called"):
        face("SELECT registry.model_id(%s)", digest[:7])


def test_a_digest_of_several_models(own_url):
    """A start that several digests have is refused with their names."""
    with psycopg.connect(own_url) as connection:
        connection.execute(LADDER)
        connection.execute(
            "UPDATE registry_tables.models SET digest = repeat('a', 60) || lpad((id % 100)::text, 4, '0')"
        )
        with pytest.raises(
            psycopg.errors.CardinalityViolation, match="several models begin with 'aaaaaaaa'"
        ):
            connection.execute("SELECT registry.model_id('aaaaaaaa')")


@pytest.mark.parametrize("function", MODEL_FUNCTIONS)
@pytest.mark.parametrize("name", [*HOSTILE, "llama-chta", None])
def test_a_wrong_name_raises(face, function, name):
    """Whatever stands in it; of a misspelt one the hint names what is near."""
    with pytest.raises(psycopg.errors.NoDataFound, match="no model is") as caught:
        face(f"SELECT * FROM registry.{function}(%s)", name)
    hint = caught.value.diag.message_hint
    assert "SELECT name FROM registry.models lists all" in hint
    assert name != "llama-chta" or "'llama-chat'" in hint


@pytest.mark.parametrize("function", ["distance", "relation"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_wrong_name_of_two_raises(team_url, function, name):
    """On either side."""
    with psycopg.connect(team_url) as connection:
        for pair in ((name, "llama"), ("llama", name)):
            with (
                pytest.raises(psycopg.errors.NoDataFound, match="no model is"),
                connection.transaction(),
            ):
                connection.execute(f"SELECT * FROM registry.{function}(%s, %s)", pair)


def test_a_wrong_name_in_an_empty_registry(url):
    """It raises there, too."""
    for function in MODEL_FUNCTIONS:
        with (
            psycopg.connect(url) as connection,
            pytest.raises(psycopg.errors.NoDataFound, match="no model is"),
        ):
            connection.execute(f"SELECT * FROM registry.{function}('llama')")


@pytest.mark.parametrize("name", HOSTILE[:-1])
def test_odd_names_are_names(own_url, name):
    """A model of such a name is found by it, in every function and view."""
    with psycopg.connect(own_url) as connection:
        connection.execute(LADDER)
        connection.execute("UPDATE registry_tables.models SET name = %s WHERE name = 'm1'", [name])
        [path] = connection.execute(
            "SELECT path FROM registry.relation('m0', %s)", [name]
        ).fetchone()
        assert path == ["m0", name]
        [count] = connection.execute(
            "SELECT count(*) FROM registry.descendants(%s)", [name]
        ).fetchone()
        assert count == 39
        [count] = connection.execute(
            "SELECT count(*) FROM registry.lineage WHERE ancestor = %s", [name]
        ).fetchone()
        assert count == 39


@pytest.mark.parametrize(
    ("call", "message", "hint"),
    [
        ("nearest_models('llama', by => 'stdd')", "by => 'stdd' is no distance", "near: 'std'"),
        ("nearest_models('llama', by => NULL)", "by => NULL is no distance", "write one of std, clustering"),
        ("nearest_models('llama', 0)", "k => 0 asks for no model", "from 1"),
        ("nearest_models('llama', within => 'family:lama')", "no family is called 'lama'", "near names: 'llama'"),
        ("nearest_models('llama', within => 'tag:prodction')", "no tag is called", "near names: 'production'"),
        ("nearest_models('llama', within => 'architecture:x')", "no architecture is called", "lists all"),
        ("nearest_models('llama', within => 'descendants:lama')", "no model is called 'lama'", "'llama'"),
        ("nearest_models('llama', within => 'llama')", "within => 'llama' says nothing", "write family:NAME"),
        ("distance('llama', 'qwen', 'x''; --')", "is no distance", "write one of"),
        ("distance('llama', 'llama-lora')", "of the kinds model and adapter", "two models, or two adapters"),
    ],
)  # fmt: skip
def test_a_wrong_argument_raises(face, call, message, hint):
    """With what would be right."""
    with pytest.raises(psycopg.Error, match=message) as caught:
        face(f"SELECT * FROM registry.{call}")
    assert hint in caught.value.diag.message_hint


def test_two_fingerprint_versions_are_not_compared(own_url):
    """A distance between them is refused, and neither is among the other's nearest."""
    with psycopg.connect(own_url) as connection:
        connection.execute(LADDER)
        connection.execute(
            "UPDATE registry_tables.models SET fingerprint_version = 2 WHERE name = 'm1'"
        )
        with pytest.raises(psycopg.Error, match="of versions 3 and 2, which are not compared"):
            connection.execute("SELECT registry.distance('m0', 'm1')")


def test_spectra_are_unnested(face):
    """One row a singular value of every matrix, falling, the largest first."""
    [(count,)] = face("SELECT sum(cardinality(singular_values)) FROM registry.matrices")
    assert face("SELECT count(*) FROM registry.spectra") == [(count,)]
    values = face(
        "SELECT singular_value FROM registry.spectra WHERE model = 'llama' AND position = 0 ORDER BY rank"
    )
    assert values == sorted(values, reverse=True)


def test_histograms_have_the_borders_of_their_bins(face):
    """The SQL function has the numbers of registry.numerics.histograms, and every weight is in a bin."""
    from registry.numerics.histograms import edges

    assert face("SELECT registry.histogram_edges()") == [(edges().tolist(),)]
    totals = face(
        "SELECT sum(weights)::int, sum(share) FROM registry.histograms WHERE model = 'llama' AND projection = 'up'"
    )
    assert totals == [(3 * 24 * 32, pytest.approx(1))]
    assert face("SELECT count(*) FROM registry.histograms WHERE lower >= upper") == [(0,)]


def test_layer_changes(face):
    """Layers of a child stand beside those of its parent, with how far the weights moved."""
    changes = face(
        "SELECT child_layer, parent_layer, cosine, relative_change FROM registry.layer_changes WHERE child = 'llama-chat'"
    )
    assert len(changes) == 3 * 7
    for layer, source, cosine, change in changes:
        assert layer == source
        assert cosine > 0.5
        assert 0.02 < change < 0.25
    equal = face(
        "SELECT DISTINCT equal, matrices FROM registry.layer_changes WHERE child = 'llama-bf16'"
    )
    assert equal == [(False, 1)]


def test_families(face):
    """Members, and those without a parent."""
    query = "SELECT name, models, adapters, roots FROM registry.families ORDER BY 1"
    assert face(query) == [("llama", 5, 1, ["llama"]), ("qwen", 2, 0, ["qwen", "qwen"])]
