"""The tables of bulk runs: each run, and what became of every source that it took."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from registry.database.tables.column_types import Base


class RunRow(Base):
    """One bulk command.

    host, process: where it runs, and the number of its process there. engine: what shares the work
    out. sources: how many were listed. skipped: of these, how many were done before. seen_at: when
    it gave its last sign. state: running until it says how it ended; killed where a later run
    of the same host finds no such process.
    """

    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint("engine IN ('local', 'ray')", name="engine"),
        CheckConstraint("state IN ('running', 'ended', 'stopped', 'killed')", name="state"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(server_default=text("'running'"))
    actor: Mapped[str]
    host: Mapped[str]
    process: Mapped[int]
    engine: Mapped[str]
    workers: Mapped[int]
    sources: Mapped[int]
    skipped: Mapped[int]
    tool_version: Mapped[str]


class JobRow(Base):
    """One source of a run that was done, or failed.

    place, host: where it lies. name, family: what it was to be registered as; null where the
    source says. stamp: a digest of the place, of its files' names, lengths, times
    and headers, and of how it was to be read: equal where reading it again would bring nothing new.
    model_id: what it is registered as; null where the model has gone since. outcome: what became of
    its fingerprint; spooled where that waits in a file. error: the kind of failure. lasting:
    whether trying again is of no use while the stamp stays. rank: of the fingerprint. size: bytes
    of the weights. seconds: of the worker. attempts: how often it was begun.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("state IN ('done', 'failed')", name="state"),
        CheckConstraint(
            "outcome IN ('new', 'deepened', 'completed', 'refreshed', 'unchanged', 'spooled')",
            name="outcome",
        ),
        Index("jobs_run_id_idx", "run_id"),
        Index("jobs_stamp_idx", "stamp"),
        Index("jobs_model_id_idx", "model_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    source: Mapped[str]
    place: Mapped[str]
    host: Mapped[str | None]
    name: Mapped[str | None]
    family: Mapped[str | None]
    stamp: Mapped[str | None]
    state: Mapped[str]
    outcome: Mapped[str | None]
    model_id: Mapped[int | None] = mapped_column(ForeignKey("models.id", ondelete="SET NULL"))
    error: Mapped[str | None]
    reason: Mapped[str | None]
    lasting: Mapped[bool] = mapped_column(server_default=text("false"))
    rank: Mapped[int]
    size: Mapped[int | None] = mapped_column(BigInteger)
    seconds: Mapped[float]
    attempts: Mapped[int]
    ended_at: Mapped[datetime] = mapped_column(server_default=func.now())
