"""Tensors outside the projections, sketches in a model's own axes, zero matrices and tied heads."""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A branch of a middle layer is above 2 kB: Postgres keeps `own` elsewhere, and scans of the others stay as fast.
    op.add_column("branches", sa.Column("own", HALFVEC(576)))
    op.add_column("branches", sa.Column("scores", HALFVEC(576)))
    op.add_column("outlines", sa.Column("own", HALFVEC(64)))  # a row stays under 2 kB
    op.add_column(
        "fingerprints",
        sa.Column("zero", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    )
    op.add_column("fingerprints", sa.Column("tied", sa.Boolean))
    op.create_table(
        "tensors",
        sa.Column("model_id", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("tensor_group", sa.Text, nullable=False),
        sa.Column("layer", sa.Integer),
        sa.Column("shape", ARRAY(sa.BigInteger), nullable=False),
        sa.Column("length", sa.Double, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("cast_digest", sa.Text),
        sa.Column("sketch", ARRAY(sa.REAL), nullable=False),
        sa.PrimaryKeyConstraint("model_id", "position", name="tensors_pkey"),
        sa.ForeignKeyConstraint(
            ["model_id"], ["models.id"], name="tensors_model_id_fkey", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("tensors")
    op.drop_column("fingerprints", "tied")
    op.drop_column("fingerprints", "zero")
    op.drop_column("outlines", "own")
    op.drop_column("branches", "scores")
    op.drop_column("branches", "own")
