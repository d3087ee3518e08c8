"""Well-known open models that fill an empty registry, from the table beside `registry.data`."""

from dataclasses import dataclass
from enum import StrEnum

from registry.data import load
from registry.errors import NoSuchWellKnownFamily


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
