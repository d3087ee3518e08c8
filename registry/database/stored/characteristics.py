"""Characteristics of registered models (paper 2509.00046, 3.1)."""

from typing import TYPE_CHECKING

from sqlalchemy import delete
from sqlalchemy.orm import Session

from registry.database.stored.models import find
from registry.database.tables.schema import CharacteristicRow

if TYPE_CHECKING:
    from registry.characteristic.groups import Characteristic, Comparison


def keep_characteristic(session: Session, name: str, characteristic: "Characteristic") -> None:
    """Store a model's groups at one rank with what decided, in place of what was there."""
    model = find(session, name)
    earlier = delete(CharacteristicRow).where(CharacteristicRow.model_id == model.id)
    earlier = earlier.where(CharacteristicRow.rank == characteristic.rank)
    session.execute(earlier)

    rows = [referenced_row(group.referenced) for group in characteristic.groups]
    rows += map(compared_row, characteristic.comparisons)
    for row in rows:
        row.model_id = model.id
        row.rank = characteristic.rank
    session.add_all(rows)


def referenced_row(projection: str) -> CharacteristicRow:
    """Return the row of a referenced projection, the first member of its own group."""
    return CharacteristicRow(referenced=projection, projection=projection, member=True)


def compared_row(comparison: "Comparison") -> CharacteristicRow:
    """Return the row of a comparison."""
    law = comparison.law
    return CharacteristicRow(
        referenced=comparison.referenced,
        projection=comparison.projection,
        member=comparison.member,
        law=law.law,
        distances=law.count,
        mean=law.mean,
        shape=law.pareto.shape,
        location=law.pareto.location,
        scale=law.pareto.scale,
        ks=law.ks,
        power_over_normal=law.power_over_normal,
    )
