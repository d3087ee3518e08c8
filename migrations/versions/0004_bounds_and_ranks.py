"""How exact singular values are, which labels hang on that, and how many values a model has."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MODEL_FINGERPRINTS = """
CREATE VIEW model_fingerprints AS
SELECT m.id, m.name AS model, m.kind, g.name AS family, m.source, m.revision, m.declared_base, m.architecture, m.dtype,
       m.parameters, m.layers, m.hidden_size, m.digest, m.fingerprint_version, m.tool_version, m.ingested_at,
       f.projections, f.nonfinite, {columns}
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
{join} clusterings AS d ON d.model_id = m.id AND d.rank = 64
"""


def upgrade() -> None:
    op.add_column(
        "fingerprints", sa.Column("rank", sa.Integer, nullable=False, server_default="64")
    )
    op.alter_column("fingerprints", "rank", server_default=None)
    op.add_column("matrices", sa.Column("bounds", ARRAY(sa.Double)))
    op.add_column("clusterings", sa.Column("undetermined", ARRAY(sa.Integer)))
    op.execute("DROP VIEW model_fingerprints")
    columns = "f.rank, cardinality(c.undetermined) AS undetermined,"
    op.execute(MODEL_FINGERPRINTS.format(columns=columns, join="LEFT JOIN"))


def downgrade() -> None:
    """The older tables promise 64 values: models that have fewer go, and what others have more of."""
    op.execute("DELETE FROM models WHERE id IN (SELECT model_id FROM fingerprints WHERE rank < 64)")
    op.execute("DELETE FROM clusterings WHERE rank > 64")
    op.execute(
        "UPDATE matrices SET singular_values = singular_values[1:64] WHERE cardinality(singular_values) > 64"
    )
    op.execute(
        "DELETE FROM families AS f WHERE NOT EXISTS (SELECT FROM models AS m WHERE m.family_id = f.id)"
    )
    op.execute("DROP VIEW model_fingerprints")
    op.drop_column("clusterings", "undetermined")
    op.drop_column("matrices", "bounds")
    op.drop_column("fingerprints", "rank")
    op.execute(MODEL_FINGERPRINTS.format(columns="", join="JOIN"))
