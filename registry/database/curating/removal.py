"""A model leaves the registry, and comes back whole: all its rows as one compressed document."""

import base64
import json
import zlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Table, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from registry.database.curating.curation import Done, logged
from registry.database.curating.events import Action, record_event
from registry.database.lineage.edges import mark_due, redraw, relatives_of
from registry.database.lineage.families import follow_roots
from registry.database.stored.models import (
    Summary,
    drop_empty_families,
    find,
    is_registered,
    summary,
    wait_for_others,
)
from registry.database.tables.column_types import TABLES, Base
from registry.database.tables.schema import Family, Model
from registry.errors import CannotUndo

TOGETHER = 500  # rows that are restored in one statement
MODELS = Base.metadata.tables[f"{TABLES}.models"]
EDGES = Base.metadata.tables[f"{TABLES}.edges"]
FAMILY, ROWS, RELATIVES = "family", "rows", "relatives"


class Removed(NamedTuple):
    """A model that is no longer registered, the line of the log, and its relatives by name."""

    model: Summary
    done: Done
    relatives: tuple[str, ...]


def remove_model(session: Session, name: str) -> Removed:
    """Delete a model, and its family if it was the last of it; return what it was.

    Its relatives are to be judged again. Raises ModelNotFound, ModelAmbiguous.
    """
    wait_for_others(session)
    model = find(session, name)
    removed = summary(model)
    relatives = sorted(relatives_of(session, model))
    undo = {FAMILY: removed.family, ROWS: packed(document(session, model.id)), RELATIVES: relatives}
    event = record_event(session, Action.REMOVED, model, details={}, undo=undo)
    session.delete(model)
    session.flush()
    drop_empty_families(session, [removed.family])
    judge_again(session, relatives, f"{removed.name} was removed")
    names = session.scalars(select(Model.name).where(Model.id.in_(relatives)).order_by(Model.id))
    return Removed(removed, logged(event, removed.name), tuple(names))


def judge_again(session: Session, numbers: list[int], because: str) -> None:
    """Draw the tree anew around some models, and mark them to be judged again."""
    mark_due(session, numbers)
    drawn = redraw(session, numbers, because)
    follow_roots(session, drawn, because)


def tables() -> list[Table]:
    """Return the tables whose rows go with a model, that of the models first."""
    tables = Base.metadata.sorted_tables
    return [table for table in tables if table is MODELS or owners(table)]


def document(session: Session, number: int) -> dict[str, list[Any]]:
    """Return all rows that go with a model, by table, in JSON's types that Postgres makes."""
    rows = {}
    for table in tables():
        columns = ["id"] if table is MODELS else owners(table)
        condition = " OR ".join(f"t.{column} = :number" for column in columns)
        query = f"SELECT CAST(to_jsonb(t) AS text) FROM {table} AS t WHERE {condition}"  # noqa: S608  # names of our own tables
        documents = session.scalars(text(query), {"number": number})
        rows[table.name] = [json.loads(row) for row in documents]
    return rows


def owners(table: Table) -> list[str]:
    """Return the columns of a table that hold the number of a model."""
    keys = [key for key in table.foreign_keys if key.column.table is MODELS]
    return sorted(key.parent.name for key in keys)


def packed(rows: dict[str, list[Any]]) -> str:
    """Return a document, compressed, as text that JSON takes."""
    return base64.b85encode(zlib.compress(json.dumps(rows).encode())).decode("ascii")


def unpacked(content: str) -> dict[str, list[Any]]:
    """Return the document in a text."""
    rows: dict[str, list[Any]] = json.loads(zlib.decompress(base64.b85decode(content)))
    return rows


def restore_model(session: Session, undo: dict[str, Any]) -> Model:
    """Bring a removed model back under its own number; it and its relatives are judged again.

    Raises CannotUndo where its name, weights or number are registered anew.
    """
    rows = unpacked(undo[ROWS])
    (values,) = rows.pop(MODELS.name)
    check_free(session, values)
    values["family_id"] = restored_family(session, values["family_id"], undo[FAMILY])
    insert_rows(session, MODELS, [values])
    edges = rows.pop(EDGES.name)
    for table in tables():
        insert_rows(session, table, rows.get(table.name, []))
    for edge in edges:
        restore_edge(session, edge)
    number: int = values["id"]
    session.expire_all()
    judge_again(session, [number, *still_there(session, undo[RELATIVES])], "a removal was undone")
    return session.get_one(Model, number)


def check_free(session: Session, values: dict[str, Any]) -> None:
    """Raise CannotUndo where a model took the name, the weights or the number of another."""
    name = values["name"]
    if is_registered(session, name):
        raise CannotUndo(reason=f"{name!r} is the name of another model now")
    version = values["fingerprint_version"]
    same = (Model.digest == values["digest"]) & (Model.fingerprint_version == version)
    twin = session.scalar(select(Model.name).where(same))
    if twin is not None:
        raise CannotUndo(reason=f"its weights are registered again, as {twin!r}")
    if session.get(Model, values["id"]) is not None:
        raise CannotUndo(reason="its number belongs to another model now")


def restored_family(session: Session, number: int, name: str) -> int:
    """Return the number of the family of a model, which comes back under its own if it is free."""
    known = session.scalar(select(Family.id).where(Family.name == name))
    if known is not None:
        return known
    is_free = session.get(Family, number) is None
    family = Family(id=number, name=name) if is_free else Family(name=name)
    session.add(family)
    session.flush()
    return family.id


def insert_rows(session: Session, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows as they were, numbers too; what an older schema lacked gets its default."""
    if not rows:
        return
    columns = []
    for column in table.columns:
        columns += [column.name] if column.computed is None and column.name in rows[0] else []
    listed = ", ".join(columns)
    statement = text(
        f"INSERT INTO {table} ({listed}) OVERRIDING SYSTEM VALUE SELECT {listed}"  # noqa: S608  # likewise
        f" FROM jsonb_populate_recordset(CAST(NULL AS {table}), CAST(:rows AS jsonb))"
    )
    for first in range(0, len(rows), TOGETHER):
        some = json.dumps(rows[first : first + TOGETHER])
        session.execute(statement, {"rows": some})


def restore_edge(session: Session, edge: dict[str, Any]) -> None:
    """Bring an edge back; one whose place another has taken meanwhile is superseded."""
    ends = {edge["child_id"], edge["parent_id"]}
    if set(still_there(session, ends)) != ends:
        return
    if edge["superseded_at"] is not None:
        insert_rows(session, EDGES, [edge])
        return
    try:
        with session.begin_nested():
            insert_rows(session, EDGES, [edge])
    except IntegrityError:  # of two main parents, or of a cycle
        superseded = {**edge, "superseded_at": edge["judged_at"]}
        insert_rows(session, EDGES, [superseded])


def still_there(session: Session, numbers: Iterable[int]) -> list[int]:
    """Return those of some models that are registered."""
    return list(session.scalars(select(Model.id).where(Model.id.in_(list(numbers)))))
