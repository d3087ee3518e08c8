"""Adapters stand beside the models, and are only compared with each other."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UNMEASURED = ("skewness", "kurtosis", "min", "max")  # of an update that is known by its factors

NEAREST_FINGERPRINTS = """
CREATE FUNCTION nearest_fingerprints(
    std double precision[], shares double precision[], projections text[], {argument}fingerprint_version integer,
    k integer
) RETURNS TABLE (
    model text, family text, digest text, std_distance double precision, clustering_distance double precision
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- a shortlist by single-precision pgvector distance, put in order by the exact one
    WITH shortlist AS (
        SELECT f.model_id, f.std
        FROM fingerprints AS f JOIN models AS m ON m.id = f.model_id
        WHERE m.fingerprint_version = nearest_fingerprints.fingerprint_version
          AND f.projections = nearest_fingerprints.projections{condition}
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
    CROSS JOIN LATERAL nearest_fingerprints(
        f.std, c.shares, f.projections, {argument}m.fingerprint_version, $2 + 1
    ) AS n
    WHERE m.name = $1 AND n.model <> m.name
    ORDER BY n.std_distance, n.clustering_distance, n.model
    LIMIT $2
$$
"""

MODEL_FINGERPRINTS = """
CREATE VIEW model_fingerprints AS
SELECT m.id, m.name AS model, {column}g.name AS family, m.source, m.revision, m.declared_base, m.architecture, m.dtype,
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

WITH_KIND = {"argument": "kind text, ", "condition": " AND m.kind = nearest_fingerprints.kind"}


def drop_readers() -> None:
    """What is written in terms of the tables, last made first."""
    op.execute("DROP VIEW model_fingerprints")
    op.execute("DROP FUNCTION nearest_models")
    op.execute("DROP FUNCTION nearest_fingerprints")


def upgrade() -> None:
    drop_readers()
    op.add_column("models", sa.Column("kind", sa.Text, nullable=False, server_default="model"))
    op.alter_column("models", "kind", server_default=None)
    op.create_check_constraint("models_kind_check", "models", "kind IN ('model', 'adapter')")
    for name in UNMEASURED:
        op.alter_column("matrices", name, nullable=True)
    op.create_table(
        "adapters",
        sa.Column("model_id", sa.Integer, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("magnitude", ARRAY(sa.Double), nullable=False),
        sa.Column("beside", ARRAY(sa.Text), nullable=False),
        sa.Column("untouched", ARRAY(sa.Text), nullable=False),
        sa.PrimaryKeyConstraint("model_id", name="adapters_pkey"),
        sa.ForeignKeyConstraint(
            ["model_id"], ["models.id"], name="adapters_model_id_fkey", ondelete="CASCADE"
        ),
    )
    op.execute(NEAREST_FINGERPRINTS.format(**WITH_KIND))
    op.execute(NEAREST_MODELS.format(argument="m.kind, "))
    op.execute(MODEL_FINGERPRINTS.format(column="m.kind, "))


def downgrade() -> None:
    """Adapters go, for the older tables cannot tell them from models."""
    drop_readers()
    op.execute("DELETE FROM models WHERE kind = 'adapter'")
    op.execute(
        "DELETE FROM families AS f WHERE NOT EXISTS (SELECT FROM models AS m WHERE m.family_id = f.id)"
    )
    op.drop_table("adapters")
    for name in UNMEASURED:
        op.alter_column("matrices", name, nullable=False)
    op.drop_constraint("models_kind_check", "models")
    op.drop_column("models", "kind")
    op.execute(NEAREST_FINGERPRINTS.format(argument="", condition=""))
    op.execute(NEAREST_MODELS.format(argument=""))
    op.execute(MODEL_FINGERPRINTS.format(column=""))
