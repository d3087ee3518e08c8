"""The edges of the tree: drawn from the newest verdicts, and superseded, never deleted."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.orm import Session

from registry.database.curating.events import Action, record_event
from registry.database.lineage.standings import connected, standings_of
from registry.database.stored.models import CURRENT, find
from registry.database.tables.schema import EdgeRow, Model, VerdictRow
from registry.fingerprints.record import VERSION
from registry.lineage.standing import Link
from registry.lineage.tree import tree_of
from registry.lineage.verdict import EvidenceKind

STANDS = EdgeRow.superseded_at.is_(None)
Place = tuple[int, int]
"""The numbers of a child and a parent."""
PARENT = {
    (False, True): Action.PARENT_FOUND,
    (True, True): Action.PARENT_CHANGED,
    (True, False): Action.PARENT_LOST,
}
"""By whether there was a main parent before, and is now."""
SAID = ("relation", "direction", "reason", "main")
"""Columns by which one edge of a pair is another; all that differ draw a new one."""
NUMBERS = ("p_value", "score", "explained", "evidence", "changes", "fingerprint_version")


@dataclass(frozen=True)
class Pair:
    """What verdicts say of a child and one parent: the columns of an edge that do not say which."""

    relation: str
    p_value: float | None
    score: float | None
    explained: float | None
    evidence: list[dict[str, Any]]
    changes: list[dict[str, Any]]


def mark_due(session: Session, ids: Collection[int]) -> None:
    """Mark models to be judged again, whose verdicts may be others now."""
    if ids:
        query = update(VerdictRow).where(VerdictRow.model_id.in_(ids)).values(due=True)
        session.execute(query)


def relatives_of(session: Session, model: Model) -> set[int]:
    """Return the numbers of models whose verdicts may change once a model comes or goes."""
    row = session.get(VerdictRow, model.id)
    contents = (row.relatives if row else None) or ()
    related = {content["id"] for content in contents}
    named_by = select(VerdictRow.model_id).where(VerdictRow.parent_ids.contains([model.id]))
    joined = select(EdgeRow.child_id).where(EdgeRow.parent_id == model.id, STANDS)
    numbers = {*related, *session.scalars(named_by), *session.scalars(joined)}
    return {number for number in numbers if number is not None and number != model.id}


def due(session: Session) -> list[str]:
    """Return the names of the models that are to be judged again, then of those never judged."""
    query = select(Model.name).join(VerdictRow, VerdictRow.model_id == Model.id)
    query = query.where(VerdictRow.due, CURRENT)
    unjudged = select(Model.name).where(CURRENT)
    unjudged = unjudged.where(~exists().where(VerdictRow.model_id == Model.id))
    return [*session.scalars(query.order_by(Model.id)), *session.scalars(unjudged)]


def due_around(session: Session, name: str, also: Sequence[str]) -> list[str]:
    """Return a model and its relatives, as far as they are to be judged again, the model first.

    Args:
        also: Names of others that are asked for, in their order.
    """
    model = find(session, name)
    first = [model.name, *also]
    is_near = or_(Model.name.in_(first), Model.id.in_(relatives_of(session, model)))
    query = select(Model.name).join(VerdictRow, VerdictRow.model_id == Model.id)
    query = query.where(VerdictRow.due, CURRENT, is_near)
    names = sorted(session.scalars(query))
    return sorted(names, key=lambda name: first.index(name) if name in first else len(first))


def strangers(session: Session, number: int) -> set[int]:
    """Return the relatives of a model whose own verdicts do not know it yet."""
    row = session.get_one(VerdictRow, number)
    related = [content["id"] for content in row.relatives or () if content["id"] is not None]
    query = select(VerdictRow).where(VerdictRow.model_id.in_(related), ~VerdictRow.due)
    return {other.model_id for other in session.scalars(query) if not entry_on(other, number)}


def redraw(session: Session, ids: Collection[int], because: str) -> list[int]:
    """Draw the tree anew where some models stand; return all whose place was looked at.

    What is as it was stays; other edges are superseded, and the log tells of each main parent.

    Args:
        ids: Models that were judged.
        because: What made it necessary.
    """
    group = connected(session, ids)
    standings = standings_of(session, group)
    links = {(link.child, link.parent): link for link in tree_of(standings)}
    before = edges_before(session, group)
    named = {standing.model: standing.parents[:1] for standing in standings}

    open_places = []
    for place, link in links.items():
        child, parent = place
        judged = child in ids or (parent in ids and named[parent] == (child,))
        if judged or place not in before or not is_drawn(before[place], link):
            open_places.append(place)
    supersede(session, [edge.id for place, edge in before.items() if place not in links])
    draw(session, open_places, links, before, because)

    names = {standing.model: standing.name for standing in standings}
    mains_before = {edge.child_id: edge.parent_id for edge in before.values() if edge.main}
    mains = {link.child: link.parent for link in links.values() if link.main}
    for child in sorted(mains_before.keys() | mains.keys()):
        if mains_before.get(child) != mains.get(child):
            parents = (mains_before.get(child), mains.get(child))
            tell(session, child, parents, names, because)
    return group


class Before(NamedTuple):
    """What an edge said that stands."""

    id: int
    child_id: int
    parent_id: int
    direction: str
    reason: str | None
    main: bool


def edges_before(session: Session, children: Collection[int]) -> dict[Place, Before]:
    """Return the edges of some models that stand, by child and parent."""
    columns = [getattr(EdgeRow, name) for name in Before._fields]
    query = select(*columns).where(EdgeRow.child_id.in_(children), STANDS)
    edges = [Before(*row) for row in session.execute(query)]
    return {(edge.child_id, edge.parent_id): edge for edge in edges}


def is_drawn(edge: Before, link: Link) -> bool:
    """Return whether an edge says what a link says."""
    reason = str(link.reason) if link.reason else None
    return (edge.direction, edge.reason, edge.main) == (str(link.basis), reason, link.main)


def draw(
    session: Session,
    places: Sequence[Place],
    links: Mapping[Place, Link],
    before: Mapping[Place, Before],
    because: str,
) -> None:
    """Draw edges that are new or whose verdicts are.

    One that says the same as before, but for its numbers, is given these; others are superseded.
    """
    verdicts = verdicts_of(session, places)
    numbers = [before[place].id for place in places if place in before]
    query = select(EdgeRow).where(EdgeRow.id.in_(numbers))
    standing = {(edge.child_id, edge.parent_id): edge for edge in session.scalars(query)}
    superseded = []
    drawn = []
    for place in places:
        edge = edge_of(links[place], verdicts, because)
        if place in standing and is_alike(standing[place], edge):
            refresh(standing[place], edge)
            continue
        drawn.append(edge)
        if place in standing:
            superseded.append(standing[place].id)
    supersede(session, superseded)
    session.add_all(drawn)
    session.flush()


def supersede(session: Session, numbers: Sequence[int]) -> None:
    """Mark edges as no longer standing, before others take their place."""
    if numbers:
        query = update(EdgeRow).where(EdgeRow.id.in_(numbers)).values(superseded_at=func.now())
        session.execute(query)


def tell(
    session: Session,
    child: int,
    parents: tuple[int | None, int | None],
    names: dict[int, str],
    because: str,
) -> None:
    """Write into the log that a model has another main parent, or none."""
    before, now = parents
    action = PARENT[before is not None, now is not None]
    details = {"because": because}
    for key, parent in (("from", before), ("to", now)):
        if parent is not None:
            details[key] = names.get(parent) or ""
    record_event(session, action, session.get(Model, child), details=details)


def verdicts_of(session: Session, places: Iterable[tuple[int, int]]) -> dict[int, VerdictRow]:
    """Return the newest verdicts on the models of some edges, by number."""
    numbers = {number for place in places for number in place}
    query = select(VerdictRow).where(VerdictRow.model_id.in_(numbers))
    return {row.model_id: row for row in session.scalars(query)}


def edge_of(link: Link, verdicts: dict[int, VerdictRow], because: str) -> EdgeRow:
    """Return the row of a link, with what the verdict on its child says of the two."""
    pair = pair_of(link.child, link.parent, verdicts)
    return EdgeRow(
        child_id=link.child,
        parent_id=link.parent,
        relation=pair.relation,
        direction=str(link.basis),
        reason=str(link.reason) if link.reason else None,
        main=link.main,
        p_value=pair.p_value,
        score=pair.score,
        explained=pair.explained,
        evidence=pair.evidence,
        changes=pair.changes,
        fingerprint_version=VERSION,
        because=because,
    )


def pair_of(child: int, parent: int, verdicts: dict[int, VerdictRow]) -> Pair:
    """Return what verdicts say of two models, that on the child first.

    Where the child's verdict names another, its evidence is that of the verdict on the parent.
    """
    of_child, of_parent = verdicts.get(child), verdicts.get(parent)
    if of_child and of_child.parent_ids[:1] == (parent,):
        return Pair(
            of_child.verdict,
            of_child.p_value,
            of_child.score,
            of_child.explained,
            of_the_pair(of_child.evidence),
            of_child.changes or [],
        )
    names_child = of_parent is not None and of_parent.parent_ids[:1] == (child,)
    evidence = of_the_pair(of_parent.evidence) if of_parent and names_child else []
    entry = entry_on(of_child, parent) or entry_on(of_parent, child)
    if entry is None:
        return Pair("derived", None, None, None, evidence, [])
    return Pair(
        entry["relation"],
        entry["p_value"],
        entry["score"],
        entry["explained"],
        evidence,
        entry["changes"] if entry_on(of_child, parent) else [],
    )


def of_the_pair(evidence: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines of evidence that do not depend on who else was registered."""
    return [line for line in evidence if line["name"] != EvidenceKind.CANDIDATES]


def entry_on(row: VerdictRow | None, relative: int) -> dict[str, Any] | None:
    """Return what a verdict says of one relative; None where it does not know it."""
    for content in (row.relatives if row else None) or ():
        if content["id"] == relative:
            return content
    return None


def is_alike(edge: EdgeRow, other: EdgeRow) -> bool:
    """Return whether two rows of one pair say the same, but for their numbers."""
    return all(getattr(edge, name) == getattr(other, name) for name in SAID)


def refresh(edge: EdgeRow, newer: EdgeRow) -> None:
    """Give an edge that stands the numbers of the newest verdict."""
    for name in NUMBERS:
        if getattr(edge, name) != getattr(newer, name):
            setattr(edge, name, getattr(newer, name))
            edge.judged_at = func.now()
