"""Verdicts of a catalogue: kept aside until all its models are there, for they name others."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from registry.catalogues.columns import parts
from registry.catalogues.copying import copy
from registry.catalogues.flat import Flat
from registry.fingerprints.record import VERSION

PART = "verdict"
SQL_TYPES = {"double": "double precision"}
HERE = """
    LEFT JOIN LATERAL (
        SELECT id, name FROM registry_tables.models WHERE digest = {digest}
        ORDER BY fingerprint_version DESC LIMIT 1
    ) AS p ON true
"""
RELATIVES = f"""
    coalesce((
        SELECT jsonb_agg((r.value - 'digest') || jsonb_build_object(
            'id', p.id, 'model', coalesce(p.name, r.value ->> 'model')
        ) ORDER BY r.place)
        FROM jsonb_array_elements(w.relatives) WITH ORDINALITY AS r (value, place)
        {HERE.format(digest="r.value ->> 'digest'")}
    ), w.relatives)
"""  # noqa: S608  # the texts above
PARENTS = f"""
    ARRAY(
        SELECT p.id FROM unnest(w.parents) WITH ORDINALITY AS n (digest, place)
        {HERE.format(digest="n.digest")} WHERE p.id IS NOT NULL ORDER BY n.place
    )
"""  # noqa: S608  # the texts above
SIGNS = f"""
    coalesce((
        SELECT jsonb_object_agg(p.id::text, s.value) FROM jsonb_each(w.signs) AS s
        {HERE.format(digest="s.key")} WHERE p.id IS NOT NULL
    ), '{{}}')
"""  # noqa: S608  # the texts above
BASE = f"""
    coalesce((
        SELECT p.name FROM unnest(w.parents[1:1]) AS n (digest) {HERE.format(digest="n.digest")}
    ), w.base)
"""  # noqa: S608  # the texts above
ALIKE = (
    "verdict, family, closest, how, score, p_value, chance, candidates, evidence, changes,"
    " direction, explained, judged_at"
)
"""Columns that mean the same in every registry."""
STORE = text(
    "INSERT INTO registry_tables.verdicts"  # noqa: S608  # likewise
    f" (model_id, {ALIKE}, base, relatives, signs, parent_ids, due)"
    f" SELECT model_id, {ALIKE}, base, relatives, signs, parent_ids,"
    " :others OR cardinality(parent_ids) < count FROM ("
    f" SELECT w.model_id, {ALIKE}, {BASE} AS base, {RELATIVES} AS relatives, {SIGNS} AS signs,"
    f" {PARENTS} AS parent_ids, cardinality(w.parents) AS count FROM waiting_verdicts AS w) AS v"
)
# A model of vectors alone cannot be judged.
UNJUDGED = text("""
    INSERT INTO registry_tables.verdicts
        (model_id, verdict, how, candidates, evidence, changes, due)
    SELECT m.id, 'unknown', '{}', 0, '[]', '[]', true FROM registry_tables.models AS m
    WHERE m.id BETWEEN :first AND :last AND m.fingerprint_version = :version
    AND EXISTS (SELECT FROM registry_tables.matrices AS x WHERE x.model_id = m.id)
    ON CONFLICT DO NOTHING
""")
DUE = text("""
    SELECT count(*) FROM registry_tables.verdicts WHERE due AND model_id BETWEEN :first AND :last
""")


@dataclass(frozen=True)
class Stored:
    """The ids of the models that were stored: all between these are new."""

    first: int
    last: int


def open_waiting(session: Session) -> None:
    """Make room for verdicts that wait, until the transaction ends."""
    columns = parts()[PART].columns
    typed = [f"{name} {SQL_TYPES.get(kind, kind)}" for name, kind in columns.items()]
    session.execute(
        text(
            f"CREATE TEMPORARY TABLE waiting_verdicts (model_id integer, {', '.join(typed)})"
            " ON COMMIT DROP"
        )
    )


def wait(session: Session, flat: Flat, ids: np.ndarray, new: np.ndarray) -> None:
    """Keep the verdicts on new models aside.

    Args:
        session: Of the import.
        flat: The verdicts of a batch.
        ids: What its models are registered under.
        new: Which of them are new.
    """
    owners = flat.owners
    kept = new[owners]
    rows = flat.rows.filter(kept)
    copy(session, "waiting_verdicts", ("model_id", *flat.part.columns), rows, [ids[owners[kept]]])


def store_verdicts(session: Session, stored: Stored, *, others: bool) -> int:
    """Store what waits, and have the rest judged; return how many models are to be judged.

    Args:
        session: Of the import.
        stored: The new models.
        others: Whether there were models before, of which no verdict of the file knows.
    """
    place = {"first": stored.first, "last": stored.last}
    session.execute(STORE, {"others": others})
    session.execute(UNJUDGED, {**place, "version": VERSION})
    return int(session.execute(DUE, place).scalar_one())
