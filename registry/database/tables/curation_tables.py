"""The tables of what people know: sources, claims, tags, notes, and the log of all changes."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from registry.database.tables.column_types import Base, ModelKey


class SourceRow(Base):
    """One place where a model's weights were seen: those of its ingestion first, then equal ones.

    name: what it was called there. source: the path or hub id. host: of the hub, or of the machine
    whose path it is. size: of the files of weights, in bytes. format: of these files.
    """

    __tablename__ = "sources"
    __table_args__ = (
        Index(
            "sources_place_key",
            "model_id",
            "name",
            text("md5(source)"),  # an index takes no text of 8,192 characters
            "revision",
            "host",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("sources_lower_name_idx", text("lower(name)")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    name: Mapped[str]
    source: Mapped[str]
    revision: Mapped[str | None]
    host: Mapped[str | None]
    size: Mapped[int | None] = mapped_column(BigInteger)
    format: Mapped[str | None]
    first_seen: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen: Mapped[datetime] = mapped_column(server_default=func.now())


class ClaimRow(Base):
    """What the card or config of a source says of the model; it proves nothing."""

    __tablename__ = "claims"
    __table_args__ = (
        CheckConstraint(
            "claim IN ('base_model', 'relation', 'licence', 'architecture')", name="claim"
        ),
        UniqueConstraint(
            "model_id",
            "source_id",
            "claim",
            "value",
            "made_by",
            name="claims_said_key",
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    source_id: Mapped[int | None] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    claim: Mapped[str]
    value: Mapped[str]
    made_by: Mapped[str]
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TagRow(Base):
    """A word that somebody put on a model."""

    __tablename__ = "tags"

    model_id: Mapped[ModelKey]
    tag: Mapped[str] = mapped_column(primary_key=True)
    tagged_at: Mapped[datetime] = mapped_column(server_default=func.now())


class NoteRow(Base):
    """What somebody wrote about a model."""

    __tablename__ = "notes"
    __table_args__ = (Index("notes_model_id_idx", "model_id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    note: Mapped[str]
    author: Mapped[str]
    noted_at: Mapped[datetime] = mapped_column(server_default=func.now())


class EventRow(Base):
    """One line of the log: what was changed, by whom and why; it outlives the model.

    model, family: their names then. model_id: of the model, which may have gone. details: what is
    to be told. undo: what brings the state before back, null where nothing does. undone_by: the
    event that did.
    """

    __tablename__ = "events"
    __table_args__ = (Index("events_model_id_idx", "model_id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    happened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor: Mapped[str]
    action: Mapped[str]
    model: Mapped[str | None]
    model_id: Mapped[int | None]
    family: Mapped[str | None]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    undo: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    undone_by: Mapped[int | None] = mapped_column(ForeignKey("events.id"))
