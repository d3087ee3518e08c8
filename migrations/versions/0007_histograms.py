"""Histograms of all weights of each projection."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "histograms",
        sa.Column("model_id", sa.Integer, nullable=False),
        sa.Column("projection", sa.Text, nullable=False),
        sa.Column("counts", ARRAY(sa.BigInteger), nullable=False),
        sa.PrimaryKeyConstraint("model_id", "projection", name="histograms_pkey"),
        sa.ForeignKeyConstraint(
            ["model_id"], ["models.id"], name="histograms_model_id_fkey", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("histograms")
