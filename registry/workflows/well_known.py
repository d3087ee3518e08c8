"""Well-known open models that fill an empty registry, from the table beside `registry.data`."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

from registry.data import load
from registry.database.lineage.claims import meanings
from registry.errors import (
    HubOffline,
    HubSettings,
    HubTokenMalformed,
    HubTokenRefused,
    HubUnreachable,
    NoSuchWellKnownFamily,
)

NO_HUB = (HubUnreachable, HubOffline, HubSettings, HubTokenMalformed, HubTokenRefused)
"""Errors after which no other model of the hub can be read either."""


class Descent(StrEnum):
    """What a model is, by its authors, in the hub's words."""

    BASE = "base"
    """Trained from scratch, or its base is not open."""
    FINETUNE = "finetune"
    QUANTIZED = "quantized"
    MERGE = "merge"


@dataclass(frozen=True)
class WellKnown:
    """One model of the list.

    Attributes:
        model: The hub id, without a revision.
        family: What its family is called.
        relation: What it is.
        of: The model of the list that it was made from; None for a base.
    """

    model: str
    family: str
    relation: Descent
    of: str | None


def well_known(family: str | None = None) -> list[WellKnown]:
    """Return the models of the list, or of one family. Raises NoSuchWellKnownFamily."""
    table = load("registry.data", "well_known.toml")
    if family is not None and family not in table:
        raise NoSuchWellKnownFamily(family=family, families=", ".join(table))
    models = []
    for name in [family] if family else table:
        for model, row in table[name].items():
            models.append(WellKnown(model, name, Descent(row["relation"]), row.get("of")))
    return models


def registered(session: Session, models: list[WellKnown]) -> set[str]:
    """Return the ids of those models that are registered, by name or as a source of another."""
    meant = meanings(session, [model.model for model in models])
    return {name for name, means in meant.items() if means.numbers and not means.by_last_part}
