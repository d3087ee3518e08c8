"""What the map of all models is drawn from: vectors of models, and whose base an adapter has."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from registry.architectures.roles import PROJECTIONS
from registry.database.stored.wire import DOUBLE, rectangle, rows_of_numbers
from registry.database.tables.column_types import Half
from registry.fingerprints.record import VERSION
from registry.numerics.atlas import SKETCH, vectors_of

TOGETHER = 20_000  # models that are read at a time
WITHOUT_PLACE = (
    "NOT EXISTS (SELECT FROM registry_tables.places AS p"
    " WHERE p.model_id = m.id AND p.missing IS NULL)"
)
"""Of models that came since the map was drawn, or had no place then."""
LANDMARKS = "m.id IN (SELECT p.model_id FROM registry_tables.places AS p WHERE p.landmark)"
EVERY = "true"
VECTORS = """
    SELECT array_agg(x.id ORDER BY x.id), string_agg(array_send(x.std), '' ORDER BY x.id),
        string_agg(halfvec_send(x.sketch), '' ORDER BY x.id)
    FROM (
        SELECT m.id, f.std, subvector(coalesce(o.stream, :zeros), 1, :size) AS sketch
        FROM registry_tables.models AS m
        JOIN registry_tables.fingerprints AS f ON f.model_id = m.id
        LEFT JOIN registry_tables.outlines AS o ON o.model_id = m.id
        WHERE m.kind = 'model' AND m.fingerprint_version = :version AND m.id > :after AND {}
        ORDER BY m.id LIMIT :together
    ) AS x
"""
BASES = text("""
    SELECT m.id, coalesce(e.parent_id, b.id, d.id)
    FROM registry_tables.models AS m
    LEFT JOIN registry_tables.edges AS e
        ON e.child_id = m.id AND e.main AND e.superseded_at IS NULL
    LEFT JOIN registry_tables.verdicts AS v ON v.model_id = m.id
    LEFT JOIN registry_tables.models AS b
        ON b.name = v.base AND b.fingerprint_version = :version AND b.id <> m.id
    LEFT JOIN registry_tables.models AS d
        ON d.name = m.declared_base AND d.fingerprint_version = :version AND d.id <> m.id
    WHERE m.kind = 'adapter' AND m.fingerprint_version = :version
    ORDER BY m.id
""")
OLD = text(
    "SELECT id FROM registry_tables.models WHERE fingerprint_version <> :version ORDER BY id"
)


class Vectors(NamedTuple):
    """Models and what they are placed by: n numbers, and n x 135."""

    ids: np.ndarray
    vectors: np.ndarray

    def of(self, ids: np.ndarray) -> "Vectors":
        """Return those of some of the models, in the order of `ids`, which all are among them."""
        rows = np.searchsorted(self.ids, ids)
        return Vectors(ids, self.vectors[rows])


def vectors(session: Session, which: str = EVERY) -> Vectors:
    """Return the vectors of models by number; of those with fingerprints of this version.

    Args:
        which: EVERY, WITHOUT_PLACE or LANDMARKS.
    """
    width = len(PROJECTIONS)
    ids = [np.zeros(0, int)]
    parts = [vectors_of(np.zeros((0, width)), np.zeros((0, SKETCH)))]
    zeros = bindparam("zeros", (0.0,) * 256, type_=Half(256))
    query = text(VECTORS.format(which)).bindparams(zeros)
    while len(ids) == 1 or len(ids[-1]) == TOGETHER:
        after = int(ids[-1][-1]) if len(ids) > 1 else 0
        values = {"size": SKETCH, "version": VERSION, "after": after, "together": TOGETHER}
        numbers, spreads, sketches = session.execute(query, values).one()
        ids.append(np.array(numbers or (), int))
        std = rows_of_numbers(spreads, width, DOUBLE)
        parts.append(vectors_of(std, rectangle(sketches, SKETCH)))
    return Vectors(np.concatenate(ids), np.concatenate(parts))


def bases(session: Session) -> Mapping[int, int | None]:
    """Return by adapter the model that it was trained on, or the adapter; None where unknown."""
    rows = session.execute(BASES, {"version": VERSION})
    return {row[0]: row[1] for row in rows}


def of_other_versions(session: Session) -> list[int]:
    """Return the models whose fingerprints are of another version."""
    return list(session.scalars(OLD, {"version": VERSION}))
