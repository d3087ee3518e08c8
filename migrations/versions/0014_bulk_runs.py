"""Bulk runs, and what became of every source that they took."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLES = "registry_tables"
NOW = sa.text("now()")
TIME = sa.DateTime(timezone=True)

VIEWS = """
CREATE VIEW registry.runs AS
SELECT r.id, r.started_at, r.seen_at, r.ended_at, r.state, r.actor, r.host, r.process, r.engine, r.workers, r.sources,
       r.skipped, coalesce(j.done, 0) AS done, coalesce(j.new, 0) AS new, coalesce(j.failed, 0) AS failed,
       coalesce(j.size, 0) AS size, r.tool_version
FROM registry_tables.runs AS r
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE state = 'done') AS done, count(*) FILTER (WHERE outcome = 'new') AS new,
           count(*) FILTER (WHERE state = 'failed') AS failed, sum(size) FILTER (WHERE state = 'done')::bigint AS size
    FROM registry_tables.jobs WHERE run_id = r.id
) AS j ON true;

CREATE VIEW registry.jobs AS
SELECT j.id, j.run_id AS run, j.source, j.place, j.host, j.name, j.family, j.state, j.outcome, m.name AS model, j.error, j.reason,
       j.lasting, j.rank, j.size, j.seconds, j.attempts, j.ended_at
FROM registry_tables.jobs AS j
LEFT JOIN registry_tables.models AS m ON m.id = j.model_id;
"""

RUNS = {
    "id": "Number of the run.",
    "started_at": "When it began.",
    "seen_at": "When it gave its last sign.",
    "ended_at": "When it said that it had ended; null for one that runs, or was killed.",
    "state": "running, ended, stopped (by a signal), or killed: a later run of the host found no such process.",
    "actor": "The user who started it.",
    "host": "The machine that it was started on.",
    "process": "Number of its process there.",
    "engine": "What shared the work out: local processes, or ray.",
    "workers": "How many sources were read at a time, at most.",
    "sources": "How many sources were listed.",
    "skipped": "Of these, how many had been done before.",
    "tool_version": "Version of this package.",
}
JOBS = {
    "id": "Number of the job.",
    "run_id": "The run.",
    "run": "Number of the run.",
    "source": "The source as it was listed.",
    "place": "Where it lies: a full path, or a hub id.",
    "host": "The machine or hub that it lies on.",
    "name": "What it was to be registered as; null where the source says.",
    "family": "The family that it was to be of; null where the base or the name says.",
    "stamp": "Digest of the place, of the names, lengths, times and headers of its files, and of how it was to be read:"
    " a source whose stamp is known is not read again.",
    "state": "done or failed.",
    "outcome": "What became of its fingerprint: new, deepened, completed, refreshed, unchanged, or spooled, where it waits"
    " in a file for the database.",
    "model_id": "What it is registered as; null where it failed, waits, or the model has gone since.",
    "model": "Name of the model that it is registered as; null where it failed, waits, or the model has gone since.",
    "error": "Kind of failure: the name of the error.",
    "reason": "Why it failed, as a sentence.",
    "lasting": "Whether it would fail again while its files stay as they are.",
    "rank": "Singular values of each matrix that were asked for.",
    "size": "Bytes of the weights; null where they are not known.",
    "seconds": "Seconds that it took the worker.",
    "attempts": "How often it was begun.",
    "ended_at": "When it was done, or failed.",
}
COUNTS = {
    "done": "How many sources are done.",
    "new": "Of these, how many were not registered before.",
    "failed": "How many sources failed.",
    "size": "Bytes of the weights that were read.",
}
SENTENCES = {
    ("TABLE", f"{TABLES}.runs"): "Bulk runs: one row for each command that ingested many sources.",
    ("TABLE", f"{TABLES}.jobs"): "What became of every source that a bulk run took; those skipped have no row.",
    ("VIEW", "registry.runs"): "Bulk runs with their counts.",
    ("VIEW", "registry.jobs"): "What became of every source that a bulk run took; those skipped have no row.",
}  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("started_at", TIME, server_default=NOW, nullable=False),
        sa.Column("seen_at", TIME, server_default=NOW, nullable=False),
        sa.Column("ended_at", TIME),
        sa.Column("state", sa.Text, server_default=sa.text("'running'"), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("actor", "host")),
        sa.Column("process", sa.Integer, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("workers", "sources", "skipped")),
        sa.Column("tool_version", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="runs_pkey"),
        sa.CheckConstraint("engine IN ('local', 'ray')", name="runs_engine_check"),
        sa.CheckConstraint("state IN ('running', 'ended', 'stopped', 'killed')", name="runs_state_check"),
        schema=TABLES,
    )  # fmt: skip
    op.create_table(
        "jobs",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("run_id", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("source", "place")),
        *(sa.Column(name, sa.Text) for name in ("host", "name", "family", "stamp")),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("model_id", sa.Integer),
        *(sa.Column(name, sa.Text) for name in ("error", "reason")),
        sa.Column("lasting", sa.Boolean, server_default=sa.text("false"), nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("size", sa.BigInteger),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("ended_at", TIME, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name="jobs_pkey"),
        sa.ForeignKeyConstraint(["run_id"], [f"{TABLES}.runs.id"], ondelete="CASCADE", name="jobs_run_id_fkey"),
        sa.ForeignKeyConstraint(["model_id"], [f"{TABLES}.models.id"], ondelete="SET NULL", name="jobs_model_id_fkey"),
        sa.CheckConstraint("state IN ('done', 'failed')", name="jobs_state_check"),
        sa.CheckConstraint(
            "outcome IN ('new', 'deepened', 'completed', 'refreshed', 'unchanged', 'spooled')", name="jobs_outcome_check"
        ),
        schema=TABLES,
    )  # fmt: skip
    for column in ("run_id", "stamp", "model_id"):
        op.create_index(f"jobs_{column}_idx", "jobs", [column], schema=TABLES)
    run(VIEWS)
    for (kind, thing), sentence in SENTENCES.items():
        comment(kind, thing, sentence)
    comment_columns(f"{TABLES}.runs", RUNS)
    comment_columns(
        f"{TABLES}.jobs", {name: JOBS[name] for name in JOBS if name not in ("run", "model")}
    )
    comment_columns("registry.runs", RUNS | COUNTS)
    comment_columns("registry.jobs", {name: JOBS[name] for name in JOBS if name not in ("run_id", "model_id", "stamp")})  # fmt: skip


def comment_columns(relation: str, sentences: dict[str, str]) -> None:
    """Comment on columns of one table or view."""
    for column, sentence in sentences.items():
        comment("COLUMN", f"{relation}.{column}", sentence)


def comment(kind: str, thing: str, sentence: str) -> None:
    """Comment on one thing; a comment is a literal and takes no parameter."""
    quoted = sentence.replace("'", "''")
    run(f"COMMENT ON {kind} {thing} IS '{quoted}'")


def run(statements: str) -> None:
    """Run statements as they are: neither % nor : stands for a parameter."""
    op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})


def downgrade() -> None:
    for view in ("jobs", "runs"):
        run(f"DROP VIEW registry.{view}")
    for table in ("jobs", "runs"):
        op.drop_table(table, schema=TABLES)
