"""What became of every tensor of a source; NULL, not 0, for a projection that was not found."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

MODEL_LEDGERS = """
CREATE VIEW model_ledgers AS
SELECT m.id, m.name AS model, m.kind, g.name AS family, m.fingerprint_version, l.fate, l.tensor_group, l.reason,
       l.tensors, l.parameters, l.bytes, l.names
FROM models AS m
JOIN families AS g ON g.id = m.family_id
JOIN ledgers AS l ON l.model_id = m.id
"""

PROJECTIONS = {
    "q": "query", "k": "key", "v": "value", "o": "output", "gate": "gate", "up": "up", "down": "down",
}  # fmt: skip
MODEL_FINGERPRINTS = """
CREATE VIEW model_fingerprints AS
SELECT m.id, m.name AS model, m.kind, g.name AS family, m.source, m.revision, m.declared_base, m.architecture, m.dtype,
       m.parameters, m.layers, m.hidden_size, m.digest, m.fingerprint_version, m.tool_version, m.ingested_at,
       f.projections, f.nonfinite, f.rank, cardinality(c.undetermined) AS undetermined,
       {numbers},
       f.std_vector, c.vector AS cluster_vector, d.vector AS cluster_vector_64
FROM models AS m
JOIN families AS g ON g.id = m.family_id
JOIN fingerprints AS f ON f.model_id = m.id
JOIN clusterings AS c ON c.model_id = m.id AND c.rank = 16
LEFT JOIN clusterings AS d ON d.model_id = m.id AND d.rank = 64
"""
AS_STORED = "{array}[{place}] AS {column}"
IF_FOUND = "CASE WHEN '{projection}' = ANY (f.projections) THEN {array}[{place}] END AS {column}"


def model_fingerprints(entry: str) -> str:
    """The view, with each entry of the vectors as a column."""
    columns = []
    for array, ending in (("f.std", "_std"), ("c.shares", "_cluster"), ("d.shares", "_cluster_64")):
        for place, (short, projection) in enumerate(PROJECTIONS.items(), 1):
            column = short + ending
            columns.append(
                entry.format(array=array, place=place, column=column, projection=projection)
            )
    return MODEL_FINGERPRINTS.format(numbers=", ".join(columns))


def upgrade() -> None:
    op.create_table(
        "ledgers",
        sa.Column("model_id", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("fate", sa.Text, nullable=False),
        sa.Column("tensor_group", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("tensors", sa.Integer, nullable=False),
        sa.Column("parameters", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("names", ARRAY(sa.Text), nullable=False),
        sa.PrimaryKeyConstraint("model_id", "position", name="ledgers_pkey"),
        sa.ForeignKeyConstraint(
            ["model_id"], ["models.id"], name="ledgers_model_id_fkey", ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "fate IN ('projection', 'counted', 'ignored', 'unknown')", name="ledgers_fate_check"
        ),
    )
    op.execute(MODEL_LEDGERS)
    op.execute("DROP VIEW model_fingerprints")
    op.execute(model_fingerprints(IF_FOUND))


def downgrade() -> None:
    op.execute("DROP VIEW model_fingerprints")
    op.execute(model_fingerprints(AS_STORED))
    op.execute("DROP VIEW model_ledgers")
    op.drop_table("ledgers")
