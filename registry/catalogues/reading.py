"""Models out of the database, as the tables of a catalogue; no query holds what a user gave."""

from collections.abc import Sequence

import numpy as np
from sqlalchemy.orm import Session

from registry.catalogues.columns import MODEL, Part, parts
from registry.catalogues.copying import sent
from registry.catalogues.flat import Flat, Flats
from registry.catalogues.sent import column

QUERIES = {
    MODEL: """
        SELECT m.id AS model_id, m.*, f.name AS family
        FROM registry_tables.models AS m JOIN registry_tables.families AS f ON f.id = m.family_id
        WHERE m.id = ANY(%(ids)s)
    """,
    "claims": """
        SELECT c.*, s.place::integer AS place
        FROM registry_tables.claims AS c LEFT JOIN (
            SELECT id, row_number() OVER (PARTITION BY model_id ORDER BY id) - 1 AS place
            FROM registry_tables.sources WHERE model_id = ANY(%(ids)s)
        ) AS s ON s.id = c.source_id
        WHERE c.model_id = ANY(%(ids)s)
    """,
    # ids of models are those of one registry alone: digests stand in their place
    "verdict": """
        SELECT v.model_id, v.verdict, v.base, v.family, v.closest, v.how, v.score, v.p_value,
            v.chance, v.candidates, v.evidence, v.changes, v.direction, v.explained, v.judged_at,
            coalesce((
                SELECT jsonb_agg(
                    (r.value - 'id') || jsonb_build_object('digest', p.digest) ORDER BY r.place
                )
                FROM jsonb_array_elements(v.relatives) WITH ORDINALITY AS r (value, place)
                LEFT JOIN registry_tables.models AS p ON p.id = (r.value ->> 'id')::integer
            ), v.relatives) AS relatives,
            ARRAY(
                SELECT p.digest FROM unnest(v.parent_ids) WITH ORDINALITY AS n (id, place)
                JOIN registry_tables.models AS p ON p.id = n.id ORDER BY n.place
            ) AS parents,
            coalesce((
                SELECT jsonb_object_agg(p.digest, s.value) FROM jsonb_each(v.signs) AS s
                JOIN registry_tables.models AS p ON p.id = s.key::integer
            ), '{}') AS signs
        FROM registry_tables.verdicts AS v
        WHERE v.model_id = ANY(%(ids)s) AND NOT (v.due AND v.candidates = 0)  -- none was given yet
    """,
    "edges": """
        SELECT e.child_id AS model_id, e.*, p.name AS parent, p.digest AS parent_digest
        FROM registry_tables.edges AS e JOIN registry_tables.models AS p ON p.id = e.parent_id
        WHERE e.child_id = ANY(%(ids)s)
    """,
}
"""Where more than a table's own columns is read."""


def read(session: Session, ids: Sequence[int]) -> Flats:
    """Return all that a catalogue holds of some models, in the order of their rising ids."""
    return {name: part_of(session, part, ids) for name, part in parts().items()}


def part_of(session: Session, part: Part, ids: Sequence[int]) -> Flat:
    """Return what one table holds of some models."""
    own = f"SELECT * FROM registry_tables.{part.table} WHERE model_id = ANY(%(ids)s)"  # noqa: S608
    origin = QUERIES.get(part.name, own)
    names = ", ".join(f'rows."{name}"' for name in part.columns)
    order = f"model_id, {part.order}" if part.order else "model_id"
    query = f"WITH rows AS ({origin}) SELECT model_id, {names} FROM rows ORDER BY {order}"  # noqa: S608

    cells = sent(session, query, ids)
    owners = column(cells[0], "integer").to_numpy()
    ends = np.searchsorted(owners, np.append(np.asarray(ids, np.int64), np.iinfo(np.int64).max))
    columns = []
    for content, kind in zip(cells[1:], part.columns.values(), strict=True):
        columns.append(column(content, kind))
    return Flat(part, columns, np.diff(ends).astype(np.int32))
