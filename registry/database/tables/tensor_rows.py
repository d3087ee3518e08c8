"""The tables of a source's tensors: those outside the projections, and the ledger of all."""

from sqlalchemy import ARRAY, BigInteger, CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from registry.database.tables.column_types import Base, ModelKey, Single


class TensorRow(Base):
    """A tensor outside the projections."""

    __tablename__ = "tensors"

    model_id: Mapped[ModelKey]
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    group: Mapped[str] = mapped_column("tensor_group", key="group")  # GROUP is a word of SQL
    layer: Mapped[int | None]
    shape: Mapped[tuple[int, ...]] = mapped_column(ARRAY(BigInteger, as_tuple=True))
    length: Mapped[float]
    digest: Mapped[str]
    cast_digest: Mapped[str | None]
    sketch: Mapped[tuple[float, ...]] = mapped_column(Single)


class LedgerRow(Base):
    """What became of the source's tensors of one fate, group and reason."""

    __tablename__ = "ledgers"
    __table_args__ = (
        CheckConstraint("fate IN ('projection', 'counted', 'ignored', 'unknown')", name="fate"),
    )

    model_id: Mapped[ModelKey]
    position: Mapped[int] = mapped_column(primary_key=True)
    fate: Mapped[str]
    group: Mapped[str] = mapped_column("tensor_group", key="group")
    reason: Mapped[str]
    tensors: Mapped[int]
    parameters: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)
    names: Mapped[tuple[str, ...]]
