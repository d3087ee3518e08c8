"""Edges of a catalogue: kept aside until all its models are there, then stored between these."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from registry.catalogues import fields
from registry.catalogues.copying import copy
from registry.catalogues.flat import Flat

WAITING = text("""
    CREATE TEMPORARY TABLE waiting_edges ON COMMIT DROP AS
    SELECT ''::text AS parent_digest, * FROM registry_tables.edges WITH NO DATA
""")
COUNT = text("SELECT count(*) FROM waiting_edges")
# An edge that stands here stays: a model has one main parent, and what the file says of the same
# two models is nothing new.
PLACED = text("""
    CREATE TEMPORARY TABLE placed_edges ON COMMIT DROP AS
    SELECT row_number() OVER () AS number, w.*, p.id AS place, EXISTS (
        SELECT FROM registry_tables.edges AS e
        WHERE e.child_id = w.child_id AND e.parent_id = p.id
            AND (w.superseded_at IS NULL AND e.superseded_at IS NULL
                OR w.judged_at = e.judged_at AND w.superseded_at = e.superseded_at)
    ) AS known, w.superseded_at IS NULL AND EXISTS (
        SELECT FROM registry_tables.edges AS e
        WHERE e.child_id = w.child_id AND e.main AND w.main AND e.superseded_at IS NULL
    ) AS contradicted
    FROM waiting_edges AS w JOIN LATERAL (
        SELECT id FROM registry_tables.models WHERE digest = w.parent_digest
        ORDER BY fingerprint_version DESC LIMIT 1
    ) AS p ON p.id <> w.child_id
""")
KNOWN = text("SELECT count(*) FROM placed_edges WHERE known")
NUMBERS = text("SELECT number FROM placed_edges WHERE NOT known AND NOT contradicted")
COLUMNS = """
    relation, direction, reason, main, p_value, score, explained, evidence, changes, judged_at,
    fingerprint_version, superseded_at, because
"""
INSERT = (
    f"INSERT INTO registry_tables.edges (child_id, parent_id, {COLUMNS})"  # noqa: S608  # above
    f" SELECT child_id, place, {COLUMNS} FROM placed_edges WHERE NOT known AND NOT contradicted"
)


@dataclass(frozen=True)
class StoredEdges:
    """How many edges were stored, and how many could not be."""

    stored: int
    left_out: int


def open_waiting(session: Session) -> None:
    """Make room for edges that wait, until the transaction ends."""
    session.execute(WAITING)


def wait(session: Session, flat: Flat, ids: np.ndarray) -> None:
    """Keep edges aside.

    Args:
        session: Of the import.
        flat: The edges of a batch.
        ids: What its models are registered under; 0 for one that is left out.
    """
    owners = ids[flat.owners]
    kept = pa.array(owners > 0)
    names = [name for name in flat.part.columns if name != "parent"]
    typed = [(flat.column(name).filter(kept), flat.part.columns[name]) for name in names]
    rows = fields.rows_of(typed)
    copy(session, "waiting_edges", ("child_id", *names), rows, [owners[owners > 0]])


def store_edges(session: Session) -> StoredEdges:
    """Store what waits, where both models are there and no circle is closed.

    Edges that stand in the registry stay.
    """
    waiting = session.execute(COUNT).scalar_one()
    if not waiting:
        return StoredEdges(0, 0)
    session.execute(PLACED)
    known = session.execute(KNOWN).scalar_one()
    numbers = list(session.scalars(NUMBERS))
    try:
        with session.begin_nested():
            session.execute(text(INSERT))
        stored = len(numbers)
    except IntegrityError:  # one of them closes a circle, or stands twice: see which
        stored = sum(stored_alone(session, number) for number in numbers)
    return StoredEdges(stored, waiting - known - stored)


def stored_alone(session: Session, number: int) -> bool:
    """Store one edge; return whether it was."""
    try:
        with session.begin_nested():
            session.execute(text(f"{INSERT} AND number = :number"), {"number": number})
    except IntegrityError:
        return False
    return True
