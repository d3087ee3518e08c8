"""Which expert a matrix belongs to, and the format that a model was stored in."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("matrices", sa.Column("expert", sa.Integer))
    op.add_column("fingerprints", sa.Column("stored", sa.Text))


def downgrade() -> None:
    op.drop_column("fingerprints", "stored")
    op.drop_column("matrices", "expert")
