"""Models of a catalogue that the registry has: they gain what the file says more of them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from registry.catalogues.flat import Flat
from registry.catalogues.opened import Batch
from registry.catalogues.records import fingerprint_of
from registry.database.stored.fingerprint_rows import replace_spectra, replace_version
from registry.database.tables.schema import ClaimRow, Model, NoteRow, SourceRow, TagRow

Rows = list[dict[str, Any]]
PLACE = ("name", "source", "revision", "host")


def complete(session: Session, batch: Batch, places: Sequence[int], ids: Sequence[int]) -> set[int]:
    """Add sources, claims, tags and notes that models lack; return the ids of those that gained.

    Args:
        places: Of the models in the batch.
        ids: What they are registered under.
    """
    owners = dict(zip(places, ids, strict=True))
    gained = add_sources(session, rows_of(batch.flats["sources"], owners))
    gained |= add_claims(session, batch, owners)
    tags = rows_of(batch.flats["tags"], owners)
    if tags:
        added = insert(TagRow).on_conflict_do_nothing().returning(TagRow.model_id)
        gained |= set(session.scalars(added, tags))
    return gained | add_notes(session, rows_of(batch.flats["notes"], owners))


def rows_of(flat: Flat, owners: dict[int, int]) -> Rows:
    """Return the rows of some models, each with the id of its model.

    Args:
        owners: Ids by the place in the batch.
    """
    rows = []
    names = list(flat.part.columns)
    for place, model_id in owners.items():
        begin, end = flat.ends[place], flat.ends[place + 1]
        columns = [column[begin:end].to_pylist() for column in flat.columns]
        rows += [
            {"model_id": model_id, **dict(zip(names, values, strict=True))}
            for values in zip(*columns, strict=True)
        ]
    return rows


def add_sources(session: Session, rows: Rows) -> set[int]:
    """Keep where models were seen; a place that is known was seen at the wider of two times."""
    if not rows:
        return set()
    new = insert(SourceRow)
    first, last = new.excluded.first_seen, new.excluded.last_seen
    place: list[Any] = [SourceRow.model_id, SourceRow.name, func.md5(SourceRow.source)]
    widened = new.on_conflict_do_update(
        index_elements=[*place, SourceRow.revision, SourceRow.host],
        set_={
            "first_seen": func.least(SourceRow.first_seen, first),
            "last_seen": func.greatest(SourceRow.last_seen, last),
        },
        where=or_(SourceRow.first_seen > first, SourceRow.last_seen < last),
    )
    return set(session.scalars(widened.returning(SourceRow.model_id), rows))


def add_claims(session: Session, batch: Batch, owners: dict[int, int]) -> set[int]:
    """Keep what is claimed of models that was not known to be."""
    rows = rows_of(batch.flats["claims"], owners)
    if not rows:
        return set()
    ids = source_ids(session, list(owners.values()))
    places: dict[int, list[Any]] = {}
    for row in rows_of(batch.flats["sources"], owners):
        places.setdefault(row["model_id"], []).append(tuple(row[name] for name in PLACE))
    for row in rows:
        place = row.pop("place")
        model_id = row["model_id"]
        row["source_id"] = None if place is None else ids[model_id, places[model_id][place]]
    added = insert(ClaimRow).on_conflict_do_nothing().returning(ClaimRow.model_id)
    return set(session.scalars(added, rows))


def source_ids(session: Session, ids: Sequence[int]) -> dict[Any, int]:
    """Return the ids of models' sources, by model and place."""
    query = select(SourceRow).where(SourceRow.model_id.in_(ids))
    numbers = {}
    for row in session.scalars(query):
        numbers[row.model_id, tuple(getattr(row, name) for name in PLACE)] = row.id
    return numbers


def add_notes(session: Session, rows: Rows) -> set[int]:
    """Keep notes that models do not have yet."""
    ids = {row["model_id"] for row in rows}
    query = select(NoteRow.model_id, NoteRow.note, NoteRow.author, NoteRow.noted_at)
    known = set(map(tuple, session.execute(query.where(NoteRow.model_id.in_(ids)))))
    gained = set()
    for row in rows:
        key = (row["model_id"], row["note"], row["author"], row["noted_at"])
        if key not in known:
            known.add(key)
            session.add(NoteRow(**row))
            gained.add(row["model_id"])
    session.flush()
    return gained


def fill(session: Session, batch: Batch, place: int, model_id: int) -> None:
    """Put a fingerprint that has more in the place of the registered one of the same weights."""
    row = batch.rows.slice(place, 1).to_pylist()[0]
    fingerprint = fingerprint_of(row)
    model = session.get_one(Model, model_id)
    if model.fingerprint_version < fingerprint.version:
        replace_version(session, model, fingerprint, row["tool_version"])
    else:
        replace_spectra(session, model, fingerprint)
    session.flush()
