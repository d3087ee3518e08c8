"""What is shown of one registered model without reading all of its fingerprint."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from registry.architectures.roles import PROJECTIONS
from registry.database.curating.curation_answers import Note, Remarks
from registry.database.lineage.edges import STANDS
from registry.database.lineage.trees import Edge, Event, edges_where
from registry.database.lineage.verdicts import verdict_of
from registry.database.searching.nearest import Asked, Match, nearest_to
from registry.database.stored.models import Summary, find, summary
from registry.database.stored.sources import Source
from registry.database.tables.schema import EdgeRow, VerdictRow
from registry.lineage.verdict import Verdict

NEAREST = 10
CHILDREN = 20
EVENTS = 10
BESIDE = text("""
    SELECT f.projections, f.std,
        (SELECT ARRAY[a.method, a.rank::text] FROM registry_tables.adapters AS a
         WHERE a.model_id = f.model_id) AS adaptation,
        ARRAY(SELECT tag FROM registry_tables.tags WHERE model_id = f.model_id ORDER BY tag)
            AS tags,
        coalesce((SELECT jsonb_agg(jsonb_build_object(
            'note', note, 'author', author, 'noted_at', noted_at) ORDER BY id)
         FROM registry_tables.notes WHERE model_id = f.model_id), '[]') AS notes,
        coalesce((SELECT jsonb_agg(jsonb_build_object('rank', rank, 'shares', shares) ORDER BY rank)
         FROM registry_tables.clusterings WHERE model_id = f.model_id), '[]') AS clusterings,
        (SELECT count(*) FROM registry_tables.edges
         WHERE parent_id = f.model_id AND superseded_at IS NULL) AS child_count,
        ARRAY(SELECT DISTINCT layer FROM registry_tables.matrices
              WHERE model_id = f.model_id ORDER BY layer) AS layers,
        coalesce((SELECT jsonb_agg(to_jsonb(s) ORDER BY first_seen, name) FROM (
            SELECT name, source, revision, host, size, format, first_seen, last_seen
            FROM registry_tables.sources WHERE model_id = f.model_id) AS s), '[]') AS sources,
        coalesce((SELECT jsonb_agg(to_jsonb(e) ORDER BY id DESC) FROM (
            SELECT id, happened_at, actor, action, model, family, details,
                undo IS NOT NULL AND undone_by IS NULL AS undoable, undone_by
            FROM registry_tables.events WHERE model_id = f.model_id
            ORDER BY id DESC LIMIT :events) AS e), '[]') AS events,
        EXISTS (SELECT FROM registry_tables.claims WHERE model_id = f.model_id) AS has_claims,
        EXISTS (SELECT FROM registry_tables.histograms WHERE model_id = f.model_id)
            AS has_histograms
    FROM registry_tables.fingerprints AS f WHERE f.model_id = :number
""")
"""What stands beside a model's own row, by one query: a page is to be there at once."""


@dataclass(frozen=True)
class Vectors:
    """The vectors of a model, by projection that was found.

    Attributes:
        std: Standard deviations of all weights of a projection.
        clusterings: Clustering vectors by rank.
    """

    projections: tuple[str, ...]
    std: dict[str, float]
    clusterings: dict[int, dict[str, float]]


@dataclass(frozen=True)
class Adaptation:
    """What only an adapter has: its method, and the rank of its delta."""

    method: str
    rank: str


@dataclass(frozen=True)
class ModelContent:
    """A registered model with all that its page shows.

    Attributes:
        verdict, judged_at: None where no verdict was stored.
        parents: What it was made from, as the tree stands.
        children: The first of what was made from it; child_count of them there are.
        nearest: By the papers' vectors, itself left out.
        layers: The numbers of its layers.
        has_claims: Whether cards or configs claim anything of it.
        has_histograms: Whether densities can be drawn.
    """

    model: Summary
    remarks: Remarks
    verdict: Verdict | None
    judged_at: datetime | None
    parents: tuple[Edge, ...]
    children: tuple[Edge, ...]
    child_count: int
    vectors: Vectors
    adaptation: Adaptation | None
    nearest: tuple[Match, ...]
    layers: tuple[int, ...]
    sources: tuple[Source, ...]
    events: tuple[Event, ...]
    has_claims: bool
    has_histograms: bool


def model_content(session: Session, name: str) -> ModelContent:
    """Return a registered model. Raises ModelNotFound, ModelAmbiguous."""
    row = find(session, name)
    model = summary(row)
    verdict = session.get(VerdictRow, row.id)
    beside = session.execute(BESIDE, {"number": row.id, "events": EVENTS}).one()
    edges = edges_around(session, row.id)
    return ModelContent(
        model=model,
        remarks=Remarks(tuple(beside.tags), notes_of(beside.notes)),
        verdict=verdict_of(verdict) if verdict else None,
        judged_at=verdict.judged_at if verdict else None,
        parents=tuple(edge for edge in edges if edge.child == model.name),
        children=tuple(edge for edge in edges if edge.child != model.name),
        child_count=beside.child_count,
        vectors=vectors_of(beside),
        adaptation=Adaptation(*beside.adaptation) if beside.adaptation else None,
        nearest=near(session, model, beside) if model.compared else (),
        layers=tuple(beside.layers),
        sources=sources_of(model.name, beside.sources),
        events=events_of(beside.events),
        has_claims=beside.has_claims,
        has_histograms=beside.has_histograms,
    )


def edges_around(session: Session, number: int) -> tuple[Edge, ...]:
    """Return the edges to what a model was made from, and the first of those made from it."""
    children = select(EdgeRow.id).where(EdgeRow.parent_id == number, STANDS)
    children = children.order_by(EdgeRow.id).limit(CHILDREN)
    parents = select(EdgeRow.id).where(EdgeRow.child_id == number, STANDS)
    return edges_where(session, EdgeRow.id.in_(parents.union_all(children.subquery().select())))


def notes_of(rows: Sequence[dict[str, Any]]) -> tuple[Note, ...]:
    """Return notes as the server writes them in JSON."""
    return tuple(Note(**timed(row, "noted_at")) for row in rows)


def sources_of(name: str, rows: Sequence[dict[str, Any]]) -> tuple[Source, ...]:
    """Return the places where a model was seen, as the server writes them in JSON."""
    return tuple(Source(model=name, **timed(row, "first_seen", "last_seen")) for row in rows)


def events_of(rows: Sequence[dict[str, Any]]) -> tuple[Event, ...]:
    """Return lines of the log as the server writes them in JSON."""
    return tuple(Event(**timed(row, "happened_at")) for row in rows)


def timed(row: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the fields of a row with its times as Python has them."""
    return row | {name: datetime.fromisoformat(row[name]) for name in names}


def vectors_of(row: Row[Any]) -> Vectors:
    """Return the vectors of a model."""
    places = {name: place for place, name in enumerate(PROJECTIONS) if name in row.projections}
    clusterings = {}
    for clustering in row.clusterings:
        shares = list(map(float, clustering["shares"]))
        clusterings[clustering["rank"]] = {name: shares[place] for name, place in places.items()}
    std = {name: row.std[place] for name, place in places.items()}
    return Vectors(tuple(places), std, clusterings)


def near(session: Session, model: Summary, row: Row[Any]) -> tuple[Match, ...]:
    """Return the models nearest by std vector; none to one that was not clustered."""
    if not row.clusterings:
        return ()
    shares = tuple(map(float, row.clusterings[0]["shares"]))
    asked = Asked(tuple(row.std), shares, tuple(row.projections), model.kind)
    matches = nearest_to(session, asked, model.fingerprint_version, NEAREST + 1)
    return tuple(match for match in matches if match.model != model.name)[:NEAREST]
