"""Characteristics of registered models (paper 2509.00046, 3.1)."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from registry.database.models import find
from registry.database.schema import CharacteristicRow

if TYPE_CHECKING:
    from registry.characteristic.groups import Characteristic, Comparison


def keep_characteristic(session: Session, name: str, found: "Characteristic") -> None:
    """Store a model's groups at one rank with what decided, in place of what was there."""
    model = find(session, name)
    session.execute(
        delete(CharacteristicRow).where(
            CharacteristicRow.model_id == model.id, CharacteristicRow.rank == found.rank
        )
    )
    own = [
        {"referenced": group.referenced, "projection": group.referenced, "member": True}
        for group in found.groups
    ]
    rows = own + [compared(each) for each in found.comparisons]
    session.add_all(CharacteristicRow(model_id=model.id, rank=found.rank, **row) for row in rows)


def compared(each: "Comparison") -> dict[str, Any]:
    """A comparison as a row."""
    law, pareto = each.law, each.law.pareto
    numbers = {
        "shape": pareto.shape,
        "location": pareto.location,
        "scale": pareto.scale,
        "ks": law.ks,
    }
    decided = {
        "law": law.law,
        "distances": law.count,
        "mean": law.mean,
        "power_over_normal": law.power_over_normal,
    }
    return {
        "referenced": each.referenced,
        "projection": each.projection,
        "member": each.member,
        **decided,
        **numbers,
    }
