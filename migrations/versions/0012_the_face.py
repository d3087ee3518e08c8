"""What analysts read: the views and functions of schema `registry`."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

EXACT_COSINE_DISTANCE = """
CREATE FUNCTION registry.exact_cosine_distance(a double precision[], b double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
-- 1 - cos(a, b) as |a/|a| - b/|b||^2 / 2, which keeps its digits where the two nearly agree
RETURN (
    SELECT sum((x / norms.a - y / norms.b) ^ 2) / 2
    FROM unnest(a, b) AS entry (x, y),
         (SELECT sqrt(sum(x * x)) AS a, sqrt(sum(y * y)) AS b FROM unnest(a, b) AS entry (x, y)) AS norms
)
"""

NEAREST_FINGERPRINTS = """
CREATE FUNCTION registry.nearest_fingerprints(
    std double precision[], shares double precision[], projections text[], kind text, fingerprint_version integer,
    k integer
) RETURNS TABLE (
    model text, family text, digest text, std_distance double precision, clustering_distance double precision
) LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    -- a shortlist by single-precision pgvector distance, put in order by the exact one
    WITH shortlist AS (
        SELECT f.model_id, f.std
        FROM registry_tables.fingerprints AS f JOIN registry_tables.models AS m ON m.id = f.model_id
        WHERE m.fingerprint_version = nearest_fingerprints.fingerprint_version
          AND f.projections = nearest_fingerprints.projections AND m.kind = nearest_fingerprints.kind
        ORDER BY f.std_vector <=> l2_normalize($1::vector(7))
        LIMIT greatest(4 * k, 100)
    )
    SELECT m.name, g.name, m.digest, registry.exact_cosine_distance(s.std, $1) AS by_std,
           registry.exact_cosine_distance(c.shares, $2) AS by_clustering
    FROM shortlist AS s
    JOIN registry_tables.models AS m ON m.id = s.model_id
    JOIN registry_tables.families AS g ON g.id = m.family_id
    JOIN registry_tables.clusterings AS c ON c.model_id = m.id AND c.rank = 16
    ORDER BY by_std, by_clustering, m.name
    LIMIT k;
END
"""

NEAREST_MODELS = """
CREATE FUNCTION registry.nearest_models(model text, k integer DEFAULT 10) RETURNS TABLE (
    neighbour text, family text, std_distance double precision, clustering_distance double precision
) LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT n.model, n.family, n.std_distance, n.clustering_distance
    FROM registry_tables.models AS m
    JOIN registry_tables.fingerprints AS f ON f.model_id = m.id
    JOIN registry_tables.clusterings AS c ON c.model_id = m.id AND c.rank = 16
    CROSS JOIN LATERAL registry.nearest_fingerprints(
        f.std, c.shares, f.projections, m.kind, m.fingerprint_version, $2 + 1
    ) AS n
    WHERE m.name = $1 AND n.model <> m.name
    ORDER BY n.std_distance, n.clustering_distance, n.model
    LIMIT $2;
END
"""

MODELS = """
CREATE VIEW registry.models AS
SELECT m.id, m.name, m.kind, f.name AS family, m.family_set, m.source, m.revision, m.declared_base, m.architecture,
       m.dtype, m.parameters, m.layers, m.hidden_size, m.digest, m.cast_digest, m.fingerprint_version, m.tool_version,
       m.ingested_at, m.family_id
FROM registry_tables.models AS m JOIN registry_tables.families AS f ON f.id = m.family_id
"""

EDGES = """
CREATE VIEW registry.edges AS
SELECT c.name AS child, p.name AS parent, e.relation, e.direction, e.reason, e.main, e.p_value AS p, e.score,
       e.explained, e.evidence, e.changes, e.judged_at, e.fingerprint_version, e.superseded_at, e.because
FROM registry_tables.edges AS e
JOIN registry_tables.models AS c ON c.id = e.child_id
JOIN registry_tables.models AS p ON p.id = e.parent_id
"""

MODEL_LEDGERS = """
CREATE VIEW registry.model_ledgers AS
SELECT m.id, m.name AS model, m.kind, g.name AS family, m.fingerprint_version, l.fate, l.tensor_group, l.reason,
       l.tensors, l.parameters, l.bytes, l.names
FROM registry_tables.models AS m
JOIN registry_tables.families AS g ON g.id = m.family_id
JOIN registry_tables.ledgers AS l ON l.model_id = m.id
"""

PROJECTIONS = {
    "q": "query", "k": "key", "v": "value", "o": "output", "gate": "gate", "up": "up", "down": "down",
}  # fmt: skip
MODEL_FINGERPRINTS = """
CREATE VIEW registry.model_fingerprints AS
SELECT m.id, m.name AS model, m.kind, g.name AS family, m.source, m.revision, m.declared_base, m.architecture, m.dtype,
       m.parameters, m.layers, m.hidden_size, m.digest, m.fingerprint_version, m.tool_version, m.ingested_at,
       f.projections, f.nonfinite, f.rank, cardinality(c.undetermined) AS undetermined,
       {numbers},
       f.std_vector, c.vector AS cluster_vector, d.vector AS cluster_vector_64
FROM registry_tables.models AS m
JOIN registry_tables.families AS g ON g.id = m.family_id
JOIN registry_tables.fingerprints AS f ON f.model_id = m.id
JOIN registry_tables.clusterings AS c ON c.model_id = m.id AND c.rank = 16
LEFT JOIN registry_tables.clusterings AS d ON d.model_id = m.id AND d.rank = 64
"""
IF_FOUND = "CASE WHEN '{projection}' = ANY (f.projections) THEN {array}[{place}] END AS {column}"


def model_fingerprints() -> str:
    """The view, with each entry of the vectors as a column."""
    columns = []
    for array, ending in (("f.std", "_std"), ("c.shares", "_cluster"), ("d.shares", "_cluster_64")):
        for place, (short, projection) in enumerate(PROJECTIONS.items(), 1):
            column = short + ending
            columns.append(
                IF_FOUND.format(array=array, place=place, column=column, projection=projection)
            )
    return MODEL_FINGERPRINTS.format(numbers=", ".join(columns))


VIEWS = (MODELS, EDGES, MODEL_LEDGERS, model_fingerprints())
FUNCTIONS = (EXACT_COSINE_DISTANCE, NEAREST_FINGERPRINTS, NEAREST_MODELS)


def upgrade() -> None:
    for statement in (*FUNCTIONS, *VIEWS):
        op.execute(statement)


def downgrade() -> None:
    for view in ("model_fingerprints", "model_ledgers", "edges", "models"):
        op.execute(f"DROP VIEW registry.{view}")
    for function in ("nearest_models", "nearest_fingerprints", "exact_cosine_distance"):
        op.execute(f"DROP FUNCTION registry.{function}")
