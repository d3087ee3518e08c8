"""The tables of the map of all models."""

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from registry.database.tables.column_types import Base, ModelKey


class PlaceRow(Base):
    """Where a model stands on the map, or why it has no place.

    x, y: from 0 to 1. cluster: number of the group that it is in. code: the place as one number
    (registry.numerics.tiles). zoom: from which it is drawn. landmark: whether the map was laid out
    by it. missing: why it has no place.
    """

    __tablename__ = "places"
    __table_args__ = (
        CheckConstraint("missing IN ('version', 'base', 'numbers')", name="missing"),
        CheckConstraint("(missing IS NULL) = (code IS NOT NULL)", name="code"),
        Index("places_code_idx", "code"),
        Index("places_zoom_code_idx", "zoom", "code"),
    )

    model_id: Mapped[ModelKey]
    x: Mapped[float | None]
    y: Mapped[float | None]
    cluster: Mapped[int | None]
    code: Mapped[int | None] = mapped_column(BigInteger)
    zoom: Mapped[int | None] = mapped_column(SmallInteger)
    landmark: Mapped[bool] = mapped_column(server_default=text("false"))
    missing: Mapped[str | None]


class ClusterRow(Base):
    """A group of neighbours on the map, named by its commonest family."""

    __tablename__ = "clusters"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    family: Mapped[str]
    models: Mapped[int]
    share: Mapped[float]
    x: Mapped[float]
    y: Mapped[float]
    code: Mapped[int] = mapped_column(BigInteger)
    zoom: Mapped[int] = mapped_column(SmallInteger)
