"""The tables, as SQLAlchemy sees them.

migrations/ builds them; docs/schema.md explains them to analysts.
"""

from datetime import datetime
from typing import Any

from pgvector.sqlalchemy import VECTOR
from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from registry.database.tables.atlas_tables import ClusterRow, PlaceRow
from registry.database.tables.column_types import Base, Half, ModelKey, Single
from registry.database.tables.curation_tables import (
    ClaimRow,
    EventRow,
    NoteRow,
    SourceRow,
    TagRow,
)
from registry.database.tables.lineage_tables import EdgeRow, VerdictRow
from registry.database.tables.run_tables import JobRow, RunRow
from registry.database.tables.tensor_rows import LedgerRow, TensorRow

REVISION = "0015"  # the migration that these tables correspond to
__all__ = [
    "Base",
    "ClaimRow",
    "ClusterRow",
    "EdgeRow",
    "EventRow",
    "JobRow",
    "NoteRow",
    "PlaceRow",
    "RunRow",
    "SourceRow",
    "TagRow",
    "VerdictRow",
]
OWNED: dict[str, Any] = {"cascade": "all, delete-orphan", "passive_deletes": True}
"""Options of a relationship to rows that go with the model."""


class Family(Base):
    """Models of one descent, as they were declared."""

    __tablename__ = "families"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Model(Base):
    """One ingested checkpoint: a model, or an adapter, which is only compared with adapters."""

    __tablename__ = "models"
    __table_args__ = (
        UniqueConstraint("name", "fingerprint_version"),
        UniqueConstraint("digest", "fingerprint_version"),
        CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name="digest"),
        CheckConstraint("kind IN ('model', 'adapter')", name="kind"),
        Index("models_lower_name_idx", text("lower(name)")),
        Index("models_declared_base_idx", "declared_base"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    family_id: Mapped[int] = mapped_column(ForeignKey("families.id"), index=True)
    family_set: Mapped[bool] = mapped_column(server_default=text("false"))
    source: Mapped[str]
    revision: Mapped[str | None]
    declared_base: Mapped[str | None]
    architecture: Mapped[str]
    dtype: Mapped[str]
    parameters: Mapped[int] = mapped_column(BigInteger)
    layers: Mapped[int]
    hidden_size: Mapped[int]
    digest: Mapped[str]
    cast_digest: Mapped[str | None] = mapped_column(index=True)
    fingerprint_version: Mapped[int]
    tool_version: Mapped[str]
    ingested_at: Mapped[datetime] = mapped_column(server_default=func.now())

    family: Mapped[Family] = relationship(lazy="joined", innerjoin=True)
    fingerprint: Mapped["FingerprintRow"] = relationship(**OWNED)
    adapter: Mapped["AdapterRow | None"] = relationship(**OWNED)
    clusterings: Mapped[list["ClusteringRow"]] = relationship(
        order_by="ClusteringRow.rank", **OWNED
    )
    branches: Mapped[list["BranchRow"]] = relationship(
        order_by="(BranchRow.layer, BranchRow.branch)", **OWNED
    )
    spaces: Mapped[list["SpaceRow"]] = relationship(
        order_by="(SpaceRow.layer, SpaceRow.side)", **OWNED
    )
    histograms: Mapped[list["HistogramRow"]] = relationship(
        order_by="HistogramRow.projection", **OWNED
    )
    verdict: Mapped[VerdictRow | None] = relationship(**OWNED)
    outline: Mapped["OutlineRow | None"] = relationship(**OWNED)
    matrices: Mapped[list["MatrixRow"]] = relationship(order_by="MatrixRow.position", **OWNED)
    tensors: Mapped[list[TensorRow]] = relationship(order_by="TensorRow.position", **OWNED)
    ledger: Mapped[list[LedgerRow]] = relationship(order_by="LedgerRow.position", **OWNED)


class FingerprintRow(Base):
    """What holds for the model as a whole. std_vector is what the search reads."""

    __tablename__ = "fingerprints"

    model_id: Mapped[ModelKey]
    projections: Mapped[tuple[str, ...]]
    std: Mapped[tuple[float, ...]]
    rank: Mapped[int]
    std_vector: Mapped[list[float]] = mapped_column(
        VECTOR(7), Computed("l2_normalize(std::vector(7))", persisted=True)
    )
    nonfinite: Mapped[int] = mapped_column(BigInteger)
    unknown: Mapped[tuple[str, ...]]
    stored: Mapped[str | None]
    vocabulary: Mapped[int | None]
    zero: Mapped[tuple[str, ...]] = mapped_column(server_default=text("'{}'"))
    tied: Mapped[bool | None]
    search_group: Mapped[int | None] = mapped_column(index=True)  # kept by a trigger


class AdapterRow(Base):
    """What only an adapter has."""

    __tablename__ = "adapters"

    model_id: Mapped[ModelKey]
    method: Mapped[str]
    rank: Mapped[int]
    magnitude: Mapped[tuple[float, ...]]
    beside: Mapped[tuple[str, ...]]
    untouched: Mapped[tuple[str, ...]]


class ClusteringRow(Base):
    """A clustering vector and its labels, one row per rank."""

    __tablename__ = "clusterings"

    model_id: Mapped[ModelKey]
    rank: Mapped[int] = mapped_column(primary_key=True)
    shares: Mapped[tuple[float, ...]]
    vector: Mapped[list[float]] = mapped_column(
        VECTOR(7), Computed("shares::vector(7)", persisted=True)
    )
    labels: Mapped[tuple[int, ...]]
    labels3: Mapped[tuple[int, ...]]
    inertia: Mapped[float]
    margin: Mapped[float]
    undetermined: Mapped[tuple[int, ...] | None] = mapped_column(ARRAY(Integer, as_tuple=True))


class MatrixRow(Base):
    """Statistics of one projection matrix of one layer."""

    __tablename__ = "matrices"

    model_id: Mapped[ModelKey]
    position: Mapped[int] = mapped_column(primary_key=True)
    layer: Mapped[int]
    projection: Mapped[str]
    expert: Mapped[int | None]
    tensor: Mapped[str]
    rows: Mapped[int]
    cols: Mapped[int]
    mean: Mapped[float]
    std: Mapped[float]
    skewness: Mapped[float | None]
    kurtosis: Mapped[float | None]
    min: Mapped[float | None]
    max: Mapped[float | None]
    nonfinite: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str]
    singular_values: Mapped[tuple[float, ...]]
    bounds: Mapped[tuple[float, ...] | None]
    cast_digest: Mapped[str | None]
    sketch: Mapped[tuple[float, ...] | None] = mapped_column(Single)
    distinct_share: Mapped[float | None]
    zero_share: Mapped[float | None]


class BranchRow(Base):
    """Sketches of what one branch of one layer does to the residual stream."""

    __tablename__ = "branches"
    __table_args__ = (CheckConstraint("branch IN ('attention', 'mlp')", name="branch"),)

    model_id: Mapped[ModelKey]
    layer: Mapped[int] = mapped_column(primary_key=True)
    branch: Mapped[str] = mapped_column(primary_key=True)
    stream: Mapped[tuple[float, ...]] = mapped_column(Half(256))
    token: Mapped[tuple[float, ...] | None] = mapped_column(Half(256))
    own: Mapped[tuple[float, ...] | None] = mapped_column(Half(576))
    scores: Mapped[tuple[float, ...] | None] = mapped_column(Half(576))


class SpaceRow(Base):
    """A sketch of the directions that one layer reads from the residual stream, or writes to it."""

    __tablename__ = "spaces"
    __table_args__ = (CheckConstraint("side IN ('reads', 'writes')", name="side"),)

    model_id: Mapped[ModelKey]
    layer: Mapped[int] = mapped_column(primary_key=True)
    side: Mapped[str] = mapped_column(primary_key=True)
    sketch: Mapped[tuple[float, ...]] = mapped_column(Half(136))


class CharacteristicRow(Base):
    """One referenced projection beside another (paper 2509.00046, 3.1).

    member: whether it is in the group; the other columns decided that. law and what follows are
    NULL for the referenced projection itself, which is its own first member.
    """

    __tablename__ = "characteristics"
    __table_args__ = (CheckConstraint("law IN ('power law', 'between', 'normal')", name="law"),)

    model_id: Mapped[ModelKey]
    rank: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    referenced: Mapped[str] = mapped_column(primary_key=True)
    projection: Mapped[str] = mapped_column(primary_key=True)
    member: Mapped[bool]
    law: Mapped[str | None]
    distances: Mapped[int | None]
    mean: Mapped[float | None]
    shape: Mapped[float | None]
    location: Mapped[float | None]
    scale: Mapped[float | None]
    ks: Mapped[float | None]
    power_over_normal: Mapped[float | None]


class HistogramRow(Base):
    """How often weights of one projection, of all layers, fall into each of the fixed bins."""

    __tablename__ = "histograms"

    model_id: Mapped[ModelKey]
    projection: Mapped[str] = mapped_column(primary_key=True)
    counts: Mapped[tuple[int, ...]] = mapped_column(ARRAY(BigInteger, as_tuple=True))


class OutlineRow(Base):
    """What a shortlist of relatives is drawn from: the sketches of all layers in one short row."""

    __tablename__ = "outlines"

    model_id: Mapped[ModelKey]
    start: Mapped[tuple[float, ...] | None] = mapped_column(Half(256))
    stream: Mapped[tuple[float, ...] | None] = mapped_column(Half(256))
    token: Mapped[tuple[float, ...] | None] = mapped_column(Half(256))
    own: Mapped[tuple[float, ...] | None] = mapped_column(Half(64))
    search_group: Mapped[int | None] = mapped_column(index=True)  # kept by a trigger
