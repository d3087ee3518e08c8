"""Sketches of matrices and branches: what tells a child from a twin without the weights."""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("matrices", sa.Column("cast_digest", sa.Text))
    op.add_column("matrices", sa.Column("sketch", ARRAY(sa.REAL)))
    op.add_column("matrices", sa.Column("distinct_share", sa.Double))
    op.add_column("matrices", sa.Column("zero_share", sa.Double))
    op.add_column("models", sa.Column("cast_digest", sa.Text))
    op.create_index("models_cast_digest_idx", "models", ["cast_digest"])
    op.add_column("fingerprints", sa.Column("vocabulary", sa.Integer))
    op.create_table(
        "branches",
        sa.Column("model_id", sa.Integer, nullable=False),
        sa.Column("layer", sa.Integer, nullable=False),
        sa.Column("branch", sa.Text, nullable=False),
        sa.Column("stream", HALFVEC(256), nullable=False),
        sa.Column("token", HALFVEC(256)),
        sa.PrimaryKeyConstraint("model_id", "layer", "branch", name="branches_pkey"),
        sa.ForeignKeyConstraint(
            ["model_id"], ["models.id"], name="branches_model_id_fkey", ondelete="CASCADE"
        ),
        sa.CheckConstraint("branch IN ('attention', 'mlp')", name="branches_branch_check"),
    )
    op.create_table(
        "spaces",
        sa.Column("model_id", sa.Integer, nullable=False),
        sa.Column("layer", sa.Integer, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("sketch", HALFVEC(136), nullable=False),
        sa.PrimaryKeyConstraint("model_id", "layer", "side", name="spaces_pkey"),
        sa.ForeignKeyConstraint(
            ["model_id"], ["models.id"], name="spaces_model_id_fkey", ondelete="CASCADE"
        ),
        sa.CheckConstraint("side IN ('reads', 'writes')", name="spaces_side_check"),
    )
    op.create_table(
        "verdicts",
        sa.Column("model_id", sa.Integer, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("base", sa.Text),
        sa.Column("family", sa.Text),
        sa.Column("how", ARRAY(sa.Text), nullable=False),
        sa.Column("score", sa.Double),
        sa.Column("p_value", sa.Double),
        sa.Column("chance", sa.Double),
        sa.Column("candidates", sa.Integer, nullable=False),
        sa.Column("evidence", JSONB, nullable=False),
        sa.Column(
            "judged_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.PrimaryKeyConstraint("model_id", name="verdicts_pkey"),
        sa.ForeignKeyConstraint(
            ["model_id"], ["models.id"], name="verdicts_model_id_fkey", ondelete="CASCADE"
        ),
    )
    # A row stays under 2 kB, above which Postgres would keep the vectors elsewhere and a scan would fetch each.
    op.create_table(
        "outlines",
        sa.Column("model_id", sa.Integer, nullable=False),
        sa.Column("start", HALFVEC(256)),
        sa.Column("stream", HALFVEC(256)),
        sa.Column("token", HALFVEC(256)),
        sa.PrimaryKeyConstraint("model_id", name="outlines_pkey"),
        sa.ForeignKeyConstraint(
            ["model_id"], ["models.id"], name="outlines_model_id_fkey", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("outlines")
    op.drop_table("verdicts")
    op.drop_table("spaces")
    op.drop_table("branches")
    op.drop_column("fingerprints", "vocabulary")
    op.drop_column("models", "cast_digest")
    for column in ("zero_share", "distinct_share", "sketch", "cast_digest"):
        op.drop_column("matrices", column)
