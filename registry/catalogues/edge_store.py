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
LAST = text("SELECT coalesce(max(number), 0) FROM placed_edges")
COLUMNS = """
    relation, direction, reason, main, p_value, score, explained, evidence, changes, judged_at,
    fingerprint_version, superseded_at, because
"""
INSERT = text(
    f"INSERT INTO registry_tables.edges (child_id, parent_id, {COLUMNS})"  # noqa: S608  # above
    f" SELECT child_id, place, {COLUMNS} FROM placed_edges"
    " WHERE NOT known AND NOT contradicted AND number BETWEEN :first AND :last"
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
    stored = stored_between(session, 1, session.execute(LAST).scalar_one())
    return StoredEdges(stored, waiting - known - stored)


def stored_between(session: Session, first: int, last: int) -> int:
    """Store some edges and return how many; of those that close a circle, or stand twice, none."""
    if last < first:
        return 0
    try:
        with session.begin_nested():
            result = session.execute(INSERT, {"first": first, "last": last})
            return result.rowcount  # type: ignore[attr-defined, no-any-return]  # of an INSERT
    except IntegrityError:
        if first == last:
            return 0
    middle = (first + last) // 2
    return stored_between(session, first, middle) + stored_between(session, middle + 1, last)
