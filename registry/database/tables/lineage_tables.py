"""The tables of where models come from: the newest verdict on each, and the edges of the tree."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from registry.database.tables.column_types import Base, ModelKey

CURRENT_EDGE = text("superseded_at IS NULL")


class VerdictRow(Base):
    """What the registry last said of a model, among the models that it knew then.

    base, family: what the verdict names, by name: models may go. closest: the nearest of those
    compared. how: kinds of changes, in rows from before 0008 sentences. changes: objects with kind,
    amount and parts, null in these rows. evidence: objects with name, value, null, p_value and
    more. direction: an object with descent, reason and origin. relatives: objects, that which is
    named first. parent_ids: models that it names as what this one was made from, the nearest first.
    signs: by the number of a relative, which came first and what shows it. explained: what the
    nearest explains of the weights. due: whether models came or went since that may change it.
    """

    __tablename__ = "verdicts"
    __table_args__ = (
        CheckConstraint("jsonb_typeof(changes) = 'array'", name="changes"),
        Index("verdicts_parent_ids_idx", "parent_ids", postgresql_using="gin"),
        Index("verdicts_due_idx", "model_id", postgresql_where=text("due")),
    )

    model_id: Mapped[ModelKey]
    verdict: Mapped[str]
    base: Mapped[str | None]
    family: Mapped[str | None]
    how: Mapped[tuple[str, ...]]
    score: Mapped[float | None]
    p_value: Mapped[float | None]
    chance: Mapped[float | None]
    candidates: Mapped[int]
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    judged_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closest: Mapped[str | None]
    changes: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB)
    direction: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    relatives: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB)
    parent_ids: Mapped[tuple[int, ...]] = mapped_column(
        ARRAY(Integer, as_tuple=True), server_default=text("'{}'")
    )
    signs: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    explained: Mapped[float | None]
    due: Mapped[bool] = mapped_column(server_default=text("false"))


class EdgeRow(Base):
    """One model that another was made from, as it stands or as it was believed once.

    relation: as of a verdict. direction: what tells which of the two came first. reason: the sign
    in the weights, where they show it. main: the edge that the tree follows; the other parents of a
    merge are not. explained: 1 - |child - parent|^2 / |child|^2. superseded_at: null while it
    stands. because: why it was drawn.
    """

    __tablename__ = "edges"
    __table_args__ = (
        CheckConstraint("child_id <> parent_id", name="apart"),
        CheckConstraint(
            "direction IN ('shown', 'claimed', 'presumed')",
            name="direction",
        ),
        Index(
            "edges_child_id_parent_id_idx",
            "child_id",
            "parent_id",
            unique=True,
            postgresql_where=CURRENT_EDGE,
        ),
        Index(
            "edges_main_idx",
            "child_id",
            unique=True,
            postgresql_where=text("main AND superseded_at IS NULL"),
        ),
        Index("edges_parent_id_idx", "parent_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    child_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    parent_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    relation: Mapped[str]
    direction: Mapped[str]
    reason: Mapped[str | None]
    main: Mapped[bool]
    p_value: Mapped[float | None]
    score: Mapped[float | None]
    explained: Mapped[float | None]
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    changes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    judged_at: Mapped[datetime] = mapped_column(server_default=func.now())
    fingerprint_version: Mapped[int]
    superseded_at: Mapped[datetime | None]
    because: Mapped[str]
