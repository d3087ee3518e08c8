"""Models of a catalogue that the registry does not have: stored by COPY, table by table."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from sqlalchemy import text
from sqlalchemy.orm import Session

from registry.catalogues import fields
from registry.catalogues.bulk import Triggers
from registry.catalogues.columns import MODEL
from registry.catalogues.copying import copy, new_ids
from registry.catalogues.flat import Flat, Flats

APART = (MODEL, "sources", "claims", "edges", "verdict")
"""Parts whose rows need more than the id of their model, or wait for others."""
NEW_FAMILIES = text("""
    INSERT INTO registry_tables.families (name)
    SELECT DISTINCT unnest(CAST(:names AS text[])) ON CONFLICT DO NOTHING
""")
FAMILIES = text("SELECT name, id FROM registry_tables.families WHERE name = ANY(:names)")


def store_new(
    session: Session, flats: Flats, chosen: np.ndarray, names: Sequence[str], triggers: Triggers
) -> np.ndarray:
    """Store models; return their ids.

    Args:
        session: Of the import.
        flats: All of a batch.
        chosen: Which of its models.
        names: To register these as.
        triggers: Whether they rest.
    """
    ids = new_ids(session, "models", len(names)).astype(np.int32)
    places = np.flatnonzero(chosen)
    all_ids = np.zeros(len(chosen), np.int32)
    all_ids[places] = ids
    store_models(session, flats[MODEL], places, ids, names)
    for name, flat in flats.items():
        if name not in APART:
            rows, owners = rows_of_chosen(flat, chosen)
            columns = ["model_id", *flat.part.columns]
            keys = [all_ids[owners]]
            groups = triggers.groups_of(flats, name)
            if groups is not None:
                columns.insert(1, "search_group")
                keys.append(groups[owners])
            copy(session, f"registry_tables.{flat.part.table}", columns, rows, keys)
    store_sources(session, flats, chosen, all_ids)
    return ids


def rows_of_chosen(flat: Flat, chosen: np.ndarray) -> tuple[pa.BinaryArray, np.ndarray]:
    """Return the rows of chosen models, and the places of the models that they belong to."""
    owners = flat.owners
    if chosen.all():
        return flat.rows, owners
    kept = chosen[owners]
    return flat.rows.filter(pa.array(kept)), owners[kept]


def store_models(
    session: Session, flat: Flat, places: np.ndarray, ids: np.ndarray, names: Sequence[str]
) -> None:
    """Store the models themselves, in families that are made where they are missing."""
    families = flat.column("family").take(pa.array(places)).to_pylist()
    wanted = {"names": sorted(set(families))}
    session.execute(NEW_FAMILIES, wanted)
    numbers = {row.name: row.id for row in session.execute(FAMILIES, wanted)}
    family_ids = np.array([numbers[family] for family in families], np.int32)

    typed = []
    for name, kind in flat.part.columns.items():
        if name != "family":
            column = flat.column(name).take(pa.array(places))
            typed.append((pa.array(names, pa.string()) if name == "name" else column, kind))
    columns = ["id", "family_id", *(name for name in flat.part.columns if name != "family")]
    copy(session, "registry_tables.models", columns, fields.rows_of(typed), [ids, family_ids])


def store_sources(session: Session, flats: Flats, chosen: np.ndarray, ids: np.ndarray) -> None:
    """Store where models were seen, and what was claimed there."""
    sources = flats["sources"]
    rows, owners = rows_of_chosen(sources, chosen)
    source_ids = new_ids(session, "sources", len(rows))
    columns = ("id", "model_id", *sources.part.columns)
    copy(session, "registry_tables.sources", columns, rows, [source_ids, ids[owners]])

    claims = flats["claims"]
    kept = chosen[claims.owners]
    owners = claims.owners[kept]
    begins = np.zeros(len(chosen), np.int64)
    begins[chosen] = np.concatenate([[0], np.cumsum(sources.counts[chosen])])[:-1]
    place = claims.column("place").filter(pa.array(kept))
    numbers = place.fill_null(0).to_numpy()
    missing = ~place.is_valid().to_numpy(zero_copy_only=False)
    claimed = np.where(missing, 0, begins[owners] + numbers)
    known_ids = source_ids[claimed] if len(source_ids) else np.zeros(len(claimed), np.int64)
    linked = pa.array(known_ids, mask=missing)

    kinds = {name: kind for name, kind in claims.part.columns.items() if name != "place"}
    typed = [(claims.column(name).filter(pa.array(kept)), kind) for name, kind in kinds.items()]
    typed.insert(0, (linked, "bigint"))
    columns = ("model_id", "source_id", *kinds)
    copy(session, "registry_tables.claims", columns, fields.rows_of(typed), [ids[owners]])
