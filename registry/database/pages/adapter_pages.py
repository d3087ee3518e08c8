"""A model beside the adapters that were made from it, or say so, page by page."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from registry.architectures.roles import PROJECTIONS
from registry.database.lineage.edges import STANDS
from registry.database.stored.models import find
from registry.database.stored.names import is_unicode
from registry.database.tables.schema import AdapterRow, EdgeRow, FingerprintRow, Model, VerdictRow

PAGE = 50


@dataclass(frozen=True)
class Placed:
    """A model or adapter by its std vector.

    Attributes:
        std: By projection that was found.
        method, rank: Of an adapter; None for the base.
        verdict: The newest one; None where there is none.
        is_shown: Whether the tree has it from the base; else it only says so.
    """

    name: str
    std: dict[str, float]
    method: str | None
    rank: int | None
    verdict: str | None
    is_shown: bool


@dataclass(frozen=True)
class Beside:
    """A model and a page of its adapters; next is the last name if there are more, else empty."""

    base: Placed
    adapters: tuple[Placed, ...]
    projections: tuple[str, ...]
    next: str


def adapters_beside(session: Session, name: str, after: str) -> Beside:
    """Return a model and its adapters after a name. Raises ModelNotFound, ModelAmbiguous."""
    model = find(session, name)
    made = select(EdgeRow.child_id).where(EdgeRow.parent_id == model.id, EdgeRow.main, STANDS)
    query = columns().where(Model.kind == "adapter")
    said = select(Model.id).where(Model.declared_base == model.name)
    query = query.where(Model.id.in_(made.union_all(said)))  # OR would look at all models
    if after and is_unicode(after):
        query = query.where(Model.name > after)
    rows = session.execute(query.order_by(Model.name).limit(PAGE + 1)).all()
    children = set(session.scalars(made.where(EdgeRow.child_id.in_([row.id for row in rows]))))

    adapters = tuple(placed(row, is_shown=row.id in children) for row in rows[:PAGE])
    base = placed(session.execute(columns().where(Model.id == model.id)).one(), is_shown=True)
    shown = (base, *adapters)
    covered = tuple(name for name in PROJECTIONS if any(name in one.std for one in shown))
    return Beside(base, adapters, covered, adapters[-1].name if len(rows) > PAGE else "")


def columns() -> Any:
    """Return a query of what is read of a model."""
    query = select(
        Model.id,
        Model.name,
        FingerprintRow.projections,
        FingerprintRow.std,
        AdapterRow.method,
        AdapterRow.rank,
        VerdictRow.verdict,
    )
    query = query.join(FingerprintRow, FingerprintRow.model_id == Model.id)
    query = query.outerjoin(AdapterRow, AdapterRow.model_id == Model.id)
    return query.outerjoin(VerdictRow, VerdictRow.model_id == Model.id)


def placed(row: Row[Any], *, is_shown: bool) -> Placed:
    """Return a row as the record that leaves this room."""
    std = {}
    for place, projection in enumerate(PROJECTIONS):
        if projection in row.projections:
            std[projection] = row.std[place]
    return Placed(row.name, std, row.method, row.rank, row.verdict, is_shown)
