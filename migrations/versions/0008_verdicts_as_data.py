"""Verdicts as data: changes as objects, and the closest model of an unknown."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("verdicts", sa.Column("closest", sa.Text))
    op.add_column("verdicts", sa.Column("changes", JSONB))
    op.execute(
        "ALTER TABLE verdicts ADD CONSTRAINT verdicts_changes_check"
        " CHECK (jsonb_typeof(changes) = 'array') NOT VALID"
    )
    op.execute("ALTER TABLE verdicts VALIDATE CONSTRAINT verdicts_changes_check")


def downgrade() -> None:
    op.drop_constraint("verdicts_changes_check", "verdicts")
    op.drop_column("verdicts", "changes")
    op.drop_column("verdicts", "closest")
