"""What became of every tensor of a source: projections, counted elsewhere, ignored, unknown."""

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


def downgrade() -> None:
    op.execute("DROP VIEW model_ledgers")
    op.drop_table("ledgers")
