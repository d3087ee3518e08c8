"""Models, families, fingerprints and matrices; what analysts query."""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import VECTOR
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

EXACT_COSINE_DISTANCE = """
CREATE FUNCTION exact_cosine_distance(a double precision[], b double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    -- 1 - cos(a, b) as |a/|a| - b/|b||^2 / 2, which keeps its digits where the two nearly agree
    SELECT sum((x / norms.a - y / norms.b) ^ 2) / 2
    FROM unnest(a, b) AS entry (x, y),
         (SELECT sqrt(sum(x * x)) AS a, sqrt(sum(y * y)) AS b FROM unnest(a, b) AS entry (x, y)) AS norms
$$
"""

NEAREST_FINGERPRINTS = """
CREATE FUNCTION nearest_fingerprints(
    std double precision[], shares double precision[], projections text[], fingerprint_version integer, k integer
) RETURNS TABLE (
    model text, family text, digest text, std_distance double precision, clustering_distance double precision
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- a shortlist by single-precision pgvector distance, put in order by the exact one
    WITH shortlist AS (
        SELECT f.model_id, f.std
        FROM fingerprints AS f JOIN models AS m ON m.id = f.model_id
        WHERE m.fingerprint_version = $4 AND f.projections = $3
        ORDER BY f.std_vector <=> l2_normalize($1::vector(7))
        LIMIT greatest(4 * k, 100)
    )
    SELECT m.name, g.name, m.digest, exact_cosine_distance(s.std, $1) AS by_std,
           exact_cosine_distance(c.shares, $2) AS by_clustering
    FROM shortlist AS s
    JOIN models AS m ON m.id = s.model_id
    JOIN families AS g ON g.id = m.family_id
    JOIN clusterings AS c ON c.model_id = m.id AND c.rank = 16
    ORDER BY by_std, by_clustering, m.name
    LIMIT k
$$
"""

NEAREST_MODELS = """
CREATE FUNCTION nearest_models(model text, k integer DEFAULT 10) RETURNS TABLE (
    neighbour text, family text, std_distance double precision, clustering_distance double precision
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT n.model, n.family, n.std_distance, n.clustering_distance
    FROM models AS m
    JOIN fingerprints AS f ON f.model_id = m.id
    JOIN clusterings AS c ON c.model_id = m.id AND c.rank = 16
    CROSS JOIN LATERAL nearest_fingerprints(f.std, c.shares, f.projections, m.fingerprint_version, $2 + 1) AS n
    WHERE m.name = $1 AND n.model <> m.name
    ORDER BY n.std_distance, n.clustering_distance, n.model
    LIMIT $2
$$
"""

MODEL_FINGERPRINTS = """
CREATE VIEW model_fingerprints AS
SELECT m.id, m.name AS model, g.name AS family, m.source, m.revision, m.declared_base, m.architecture, m.dtype,
       m.parameters, m.layers, m.hidden_size, m.digest, m.fingerprint_version, m.tool_version, m.ingested_at,
       f.projections, f.nonfinite,
       f.std[1] AS q_std, f.std[2] AS k_std, f.std[3] AS v_std, f.std[4] AS o_std,
       f.std[5] AS gate_std, f.std[6] AS up_std, f.std[7] AS down_std,
       c.shares[1] AS q_cluster, c.shares[2] AS k_cluster, c.shares[3] AS v_cluster, c.shares[4] AS o_cluster,
       c.shares[5] AS gate_cluster, c.shares[6] AS up_cluster, c.shares[7] AS down_cluster,
       d.shares[1] AS q_cluster_64, d.shares[2] AS k_cluster_64, d.shares[3] AS v_cluster_64,
       d.shares[4] AS o_cluster_64, d.shares[5] AS gate_cluster_64, d.shares[6] AS up_cluster_64,
       d.shares[7] AS down_cluster_64,
       f.std_vector, c.vector AS cluster_vector, d.vector AS cluster_vector_64
FROM models AS m
JOIN families AS g ON g.id = m.family_id
JOIN fingerprints AS f ON f.model_id = m.id
JOIN clusterings AS c ON c.model_id = m.id AND c.rank = 16
JOIN clusterings AS d ON d.model_id = m.id AND d.rank = 64
"""


def model_id() -> sa.Column:
    return sa.Column("model_id", sa.Integer, nullable=False)


def of_model(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["model_id"], ["models.id"], name=f"{table}_model_id_fkey", ondelete="CASCADE"
    )


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    op.create_table(
        "families",
        sa.Column("id", sa.Integer, sa.Identity(), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="families_pkey"),
        sa.UniqueConstraint("name", name="families_name_key"),
    )
    op.create_table(
        "models",
        sa.Column("id", sa.Integer, sa.Identity(), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("family_id", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("revision", sa.Text),
        sa.Column("declared_base", sa.Text),
        sa.Column("architecture", sa.Text, nullable=False),
        sa.Column("dtype", sa.Text, nullable=False),
        sa.Column("parameters", sa.BigInteger, nullable=False),
        sa.Column("layers", sa.Integer, nullable=False),
        sa.Column("hidden_size", sa.Integer, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("fingerprint_version", sa.Integer, nullable=False),
        sa.Column("tool_version", sa.Text, nullable=False),
        sa.Column(
            "ingested_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="models_pkey"),
        sa.ForeignKeyConstraint(["family_id"], ["families.id"], name="models_family_id_fkey"),
        sa.UniqueConstraint(
            "name", "fingerprint_version", name="models_name_fingerprint_version_key"
        ),
        sa.UniqueConstraint(
            "digest", "fingerprint_version", name="models_digest_fingerprint_version_key"
        ),
        sa.CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name="models_digest_check"),
    )
    op.create_index("models_family_id_idx", "models", ["family_id"])
    op.create_table(
        "fingerprints",
        model_id(),
        sa.Column("projections", ARRAY(sa.Text), nullable=False),
        sa.Column("std", ARRAY(sa.Double), nullable=False),
        sa.Column(
            "std_vector",
            VECTOR(7),
            sa.Computed("l2_normalize(std::vector(7))", persisted=True),
            nullable=False,
        ),
        sa.Column("nonfinite", sa.BigInteger, nullable=False),
        sa.Column("unknown", ARRAY(sa.Text), nullable=False),
        sa.PrimaryKeyConstraint("model_id", name="fingerprints_pkey"),
        of_model("fingerprints"),
    )
    op.create_table(
        "clusterings",
        model_id(),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("shares", ARRAY(sa.Double), nullable=False),
        sa.Column(
            "vector", VECTOR(7), sa.Computed("shares::vector(7)", persisted=True), nullable=False
        ),
        sa.Column("labels", ARRAY(sa.SmallInteger), nullable=False),
        sa.Column("labels3", ARRAY(sa.SmallInteger), nullable=False),
        sa.Column("inertia", sa.Double, nullable=False),
        sa.Column("margin", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("model_id", "rank", name="clusterings_pkey"),
        of_model("clusterings"),
    )
    op.create_table(
        "matrices",
        model_id(),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("position", "layer")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("projection", "tensor")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("rows", "cols")),
        *(
            sa.Column(name, sa.Double, nullable=False)
            for name in ("mean", "std", "skewness", "kurtosis", "min", "max")
        ),
        sa.Column("nonfinite", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("singular_values", ARRAY(sa.Double), nullable=False),
        sa.PrimaryKeyConstraint("model_id", "position", name="matrices_pkey"),
        of_model("matrices"),
    )
    for statement in (
        EXACT_COSINE_DISTANCE,
        NEAREST_FINGERPRINTS,
        NEAREST_MODELS,
        MODEL_FINGERPRINTS,
    ):
        op.execute(statement)


def downgrade() -> None:
    """Takes everything down, the models with it; the extension stays, others may use it."""
    op.execute("DROP VIEW model_fingerprints")
    for function in ("nearest_models", "nearest_fingerprints", "exact_cosine_distance"):
        op.execute(f"DROP FUNCTION {function}")
    for table in ("matrices", "clusterings", "fingerprints", "models", "families"):
        op.drop_table(table)
