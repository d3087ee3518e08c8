"""A registry of many models for benchmarks of its web page, written by plain SQL: vectors, verdicts, trees and layers.

Families have fifty models, in a tree where each has up to three children; names are those of hub ids. Every model has
a verdict with evidence, relatives and changes, an edge, a claimed base, a source and a line of the log, and 28 matrices
of four layers where it is one of `layered`.
"""

from sqlalchemy import Engine, text

FAMILY = 50
CHILDREN = 3

STATEMENTS = (
    """
    INSERT INTO registry_tables.families (name)
    SELECT 'family-' || number FROM generate_series(0, (:models - 1) / :family) AS number
    """,
    """
    INSERT INTO registry_tables.models (name, kind, family_id, source, architecture, dtype, parameters, layers,
        hidden_size, digest, fingerprint_version, tool_version, ingested_at, declared_base)
    SELECT 'org' || number % 1000 || '/model-' || number, CASE WHEN number % 20 = 19 THEN 'adapter' ELSE 'model' END,
        f.id, 'org' || number % 1000 || '/model-' || number,
        (ARRAY['LlamaForCausalLM', 'Qwen3ForCausalLM', 'Phi3ForCausalLM'])[1 + number / :family % 3], 'bfloat16',
        1000000000 + number * 1000::bigint, 4, 2048, encode(sha256(number::text::bytea), 'hex'), :version, '0',
        '2026-01-01 00:00+00'::timestamptz + number * interval '1 minute',
        CASE WHEN number % :family = 0 THEN NULL ELSE 'org' || (number / :family * :family) % 1000 || '/model-'
            || number / :family * :family END
    FROM generate_series(0, :models - 1) AS number
    JOIN registry_tables.families AS f ON f.name = 'family-' || number / :family
    ORDER BY number
    """,
    """
    CREATE TEMPORARY TABLE placed AS
    SELECT m.id, m.name, f.name AS family, number, number / :family AS home,
        CASE WHEN number % :family > 0 THEN number / :family * :family + (number % :family - 1) / :children END AS above
    FROM registry_tables.models AS m JOIN registry_tables.families AS f ON f.id = m.family_id,
        LATERAL (SELECT split_part(m.name, '-', 2)::integer AS number) AS x
    """,
    "CREATE UNIQUE INDEX ON placed (number)",
    """
    INSERT INTO registry_tables.fingerprints (model_id, projections, std, rank, nonfinite, unknown, vocabulary)
    SELECT p.id, '{query,key,value,output,gate,up,down}',
        (SELECT array_agg(0.02 + 0.02 * abs(sin(p.home * 7.1 + k)) + 0.0005 * abs(sin(p.number * 3.7 + k * 1.3)))
         FROM generate_series(1, 7) AS k), 16, 0, '{}', 32000
    FROM placed AS p
    """,
    """
    INSERT INTO registry_tables.clusterings (model_id, rank, shares, labels, labels3, inertia, margin)
    SELECT p.id, 16, f.std, l.labels, l.labels, 0.1, 0.1
    FROM placed AS p JOIN registry_tables.fingerprints AS f ON f.model_id = p.id,
        LATERAL (SELECT CASE WHEN p.number % greatest(1, :models / :layered) = 0
            THEN array_fill(1, ARRAY[28]) ELSE '{}' END AS labels) AS l
    """,
    """
    INSERT INTO registry_tables.sources (model_id, name, source, host, size, format)
    SELECT id, name, name, 'hub.example', 2000000000, 'safetensors' FROM placed
    """,
    """
    INSERT INTO registry_tables.claims (model_id, source_id, claim, value, made_by)
    SELECT m.id, s.id, 'base_model', m.declared_base, 'card'
    FROM registry_tables.models AS m JOIN registry_tables.sources AS s ON s.model_id = m.id
    WHERE m.declared_base IS NOT NULL
    """,
    """
    INSERT INTO registry_tables.events (actor, action, model, model_id, family, details)
    SELECT 'ada', 'ingested', name, id, family, '{"verdict": "derived"}' FROM placed
    """,
    """
    INSERT INTO registry_tables.edges (child_id, parent_id, relation, direction, main, p_value, score, explained,
        evidence, changes, fingerprint_version, because)
    SELECT p.id, a.id, 'derived', 'claimed', true, 1e-9, 9, 0.98,
        '[{"name": "stream", "value": 40.5, "null": 1.7, "p_value": 1e-9, "cosine": 0.98, "pairs": 19000, "strongest": 6}]',
        '[{"kind": "fine-tuned", "amount": 0.08, "parts": []}]', :version, 'ingestion'
    FROM placed AS p JOIN placed AS a ON a.number = p.above
    """,
    """
    INSERT INTO registry_tables.verdicts (model_id, verdict, base, family, closest, how, score, p_value, chance,
        candidates, evidence, changes, relatives, parent_ids, explained)
    SELECT p.id, CASE WHEN a.id IS NULL THEN 'unknown' ELSE 'derived' END, a.name,
        CASE WHEN a.id IS NULL THEN NULL ELSE p.family END, a.name, '{fine-tuned}', 9, 1e-9, 1e-7, 1000,
        '[{"name": "stream", "value": 40.5, "null": 1.7, "p_value": 1e-9, "cosine": 0.98, "pairs": 19000, "strongest": 6},
          {"name": "token", "value": 30.5, "null": 1.7, "p_value": 1e-8, "cosine": 0.97, "pairs": 19000, "strongest": 6}]',
        '[{"kind": "fine-tuned", "amount": 0.08, "parts": []}]',
        CASE WHEN a.id IS NULL THEN '[]' ELSE (SELECT jsonb_agg(jsonb_build_object(
            'model', r.name, 'family', r.family, 'relation', 'derived', 'explained', 0.9, 'p_value', 1e-9, 'score', 9,
            'tied', false, 'changes', '[]'::jsonb, 'direction', NULL, 'id', r.id) ORDER BY r.number <> a.number)
            FROM placed AS r WHERE r.number BETWEEN a.number AND a.number + 9) END,
        CASE WHEN a.id IS NULL THEN '{}' ELSE ARRAY[a.id] END, 0.98
    FROM placed AS p LEFT JOIN placed AS a ON a.number = p.above
    """,
    """
    INSERT INTO registry_tables.matrices (model_id, position, layer, projection, tensor, rows, cols, mean, std,
        skewness, kurtosis, min, max, nonfinite, digest, singular_values)
    SELECT p.id, layer * 7 + place - 1, layer, projection, 'model.layers.' || layer || '.' || projection, 2048, 2048,
        0, 0.02 + 0.001 * layer, 0, 3, -0.1, 0.1, 0, encode(sha256((p.id || projection || layer)::bytea), 'hex'),
        ARRAY[9, 8, 7, 6, 5, 4, 3, 2.9, 2.8, 2.7, 2.6, 2.5, 2.4, 2.3, 2.2, 2.1]
    FROM placed AS p, generate_series(0, 3) AS layer,
        unnest(ARRAY['query', 'key', 'value', 'output', 'gate', 'up', 'down']) WITH ORDINALITY AS x (projection, place)
    WHERE p.number % greatest(1, :models / :layered) = 0
    """,
    "DROP TABLE placed",
)


def fill(engine: Engine, models: int, version: int, layered: int = 1000) -> None:
    """Write the registry into an empty database."""
    numbers = {
        "models": models,
        "family": FAMILY,
        "children": CHILDREN,
        "version": version,
        "layered": layered,
    }
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL synchronous_commit = off"))
        for statement in STATEMENTS:
            names = [name for name in numbers if f":{name}" in statement]
            connection.execute(text(statement), {name: numbers[name] for name in names})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def name_of(number: int) -> str:
    """The name of a model by its number."""
    return f"org{number % 1000}/model-{number}"
