"""Characteristics: which projections' singular values stay close by a power law (paper 2509.00046, 3.1)."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "characteristics",
        sa.Column("model_id", sa.Integer, nullable=False),
        sa.Column("rank", sa.SmallInteger, nullable=False),
        sa.Column("referenced", sa.Text, nullable=False),
        sa.Column("projection", sa.Text, nullable=False),
        sa.Column("member", sa.Boolean, nullable=False),
        sa.Column("law", sa.Text),
        sa.Column("distances", sa.Integer),
        sa.Column("mean", sa.Double),
        sa.Column("shape", sa.Double),
        sa.Column("location", sa.Double),
        sa.Column("scale", sa.Double),
        sa.Column("ks", sa.Double),
        sa.Column("power_over_normal", sa.Double),
        sa.PrimaryKeyConstraint(
            "model_id", "rank", "referenced", "projection", name="characteristics_pkey"
        ),
        sa.ForeignKeyConstraint(
            ["model_id"], ["models.id"], name="characteristics_model_id_fkey", ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "law IN ('power law', 'between', 'normal')", name="characteristics_law_check"
        ),
    )


def downgrade() -> None:
    op.drop_table("characteristics")
