"""${message}"""

# Safe under load: env.py bounds waits for locks (lock_timeout) and statements (statement_timeout), and each migration
# is one transaction. So:
#
# * An index on a table with rows is created without blocking its writers, outside the transaction. IF NOT EXISTS lets
#   an interrupted upgrade resume; a build that failed leaves an INVALID index, which must be dropped first:
#
#       with op.get_context().autocommit_block():
#           op.execute("DROP INDEX CONCURRENTLY IF EXISTS models_digest_idx")
#           op.execute("CREATE INDEX CONCURRENTLY models_digest_idx ON models (digest)")
#
# * A constraint is added without looking at the rows, which takes its lock for a moment, and validated in a second
#   step, which lets writers go on. The commit between the two gives the first lock back:
#
#       op.execute("ALTER TABLE models ADD CONSTRAINT models_rank_check CHECK (rank > 0) NOT VALID")
#       with op.get_context().autocommit_block():
#           op.execute("ALTER TABLE models VALIDATE CONSTRAINT models_rank_check")
#
# * A statement that must take longer says so: op.execute("SET LOCAL statement_timeout = '2h'").

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import VECTOR

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
