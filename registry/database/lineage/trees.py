"""The tree as it stands, and the log of how it came to be."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, aliased, defer

from registry.database.lineage.edges import STANDS
from registry.database.lineage.standings import connected
from registry.database.lineage.verdicts import change_of
from registry.database.stored.models import CURRENT, find
from registry.database.tables.schema import EdgeRow, EventRow, Family, Model, VerdictRow
from registry.errors import ModelNotFound
from registry.lineage.standing import Basis
from registry.lineage.verdict import Change, Relation

CHILD, PARENT = aliased(Model), aliased(Model)


@dataclass(frozen=True)
class Edge:
    """One model that another was made from.

    Attributes:
        child, parent: Their names.
        relation: Of the child to the parent.
        direction: What tells which of the two came first: the weights, a claim, or nothing.
        reason: The sign in the weights, where they show it.
        main: Whether the tree follows it; the other parents of a merge are not followed.
        p_value, score, explained: As of a verdict and of its relatives.
        changes: What was done to the parent's weights.
        judged_at: When.
        because: What made it necessary.
        id: Its number, by which it has an address.
    """

    child: str
    parent: str
    relation: Relation
    direction: Basis
    reason: str | None
    main: bool
    p_value: float | None
    score: float | None
    explained: float | None
    changes: tuple[Change, ...]
    judged_at: datetime
    because: str
    id: int


@dataclass(frozen=True)
class Node:
    """A model of a tree: its name, family, kind, and whether its verdict is due again."""

    name: str
    family: str
    kind: str
    due: bool


@dataclass(frozen=True)
class Tree:
    """Models that were made from one another.

    Attributes:
        nodes: All of them, those without relatives too where no single model is asked for.
        edges: As they stand.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True)
class Event:
    """One line of the log; registry.database.tables.curation_tables.EventRow says what is in it."""

    id: int
    happened_at: datetime
    actor: str
    action: str
    model: str | None
    family: str | None
    details: dict[str, Any]
    undoable: bool
    undone_by: int | None


def tree(session: Session, name: str | None = None) -> Tree:
    """Return the tree that a model stands in, or all trees. Raises ModelNotFound.

    Args:
        name: A model; None for all.
    """
    ids = None if name is None else connected(session, [find(session, name).id])
    return Tree(nodes_of(session, ids), edges_of(session, ids))


def nodes_of(session: Session, ids: Collection[int] | None) -> tuple[Node, ...]:
    """Return the models of some trees, by name."""
    due = func.coalesce(VerdictRow.due, False)
    query = select(Model.name, Family.name, Model.kind, due)
    query = query.join(Family).outerjoin(VerdictRow, VerdictRow.model_id == Model.id)
    query = query.where(CURRENT if ids is None else Model.id.in_(ids))
    rows = session.execute(query.order_by(Model.name))
    return tuple(Node(name, family, kind, due) for name, family, kind, due in rows)


def edges_of(session: Session, ids: Collection[int] | None) -> tuple[Edge, ...]:
    """Return the edges of some trees as they stand, by child, the main one first."""
    if ids is None:
        return edges_where(session, STANDS)
    return edges_where(session, STANDS, EdgeRow.child_id.in_(ids))


def edges_where(
    session: Session, *conditions: ColumnElement[bool], most: int | None = None
) -> tuple[Edge, ...]:
    """Return edges, by child, the main one first.

    most: How many at most; None for all.
    """
    query = select(EdgeRow, CHILD.name, PARENT.name)
    query = query.join(CHILD, CHILD.id == EdgeRow.child_id)
    query = query.join(PARENT, PARENT.id == EdgeRow.parent_id)
    query = query.where(*conditions).options(defer(EdgeRow.evidence))  # no record has it
    query = query.order_by(CHILD.name, EdgeRow.main.desc(), PARENT.name).limit(most)
    return tuple(edge_of(*row) for row in session.execute(query))


def edge_of(row: EdgeRow, child: str, parent: str) -> Edge:
    """Return an edge between models of these names."""
    return Edge(
        child=child,
        parent=parent,
        relation=Relation(row.relation),
        direction=Basis(row.direction),
        reason=row.reason,
        main=row.main,
        p_value=row.p_value,
        score=row.score,
        explained=row.explained,
        changes=tuple(map(change_of, row.changes)),
        judged_at=row.judged_at,
        because=row.because,
        id=row.id,
    )


def log(
    session: Session, name: str | None = None, most: int = 20, before: int | None = None
) -> list[Event]:
    """Return the newest lines of the log, the newest first.

    Args:
        name: A model, as it is or was called, or the start of a digest; None for all.
        most: How many lines.
        before: The number of an event, for lines that are older; None for the newest.
    """
    query = select(EventRow).order_by(EventRow.id.desc()).limit(most)
    if before is not None:
        query = query.where(EventRow.id < before)
    if name is not None:
        numbers = bearers(session, name)
        query = query.where(or_(EventRow.model == name, EventRow.model_id.in_(numbers)))
    return [event_of(row) for row in session.scalars(query)]


def bearers(session: Session, name: str) -> list[int]:
    """Return the numbers of the models that bear a name, or bore it once."""
    now = select(Model.id).where(Model.name == name)
    once = select(EventRow.model_id).where(EventRow.model == name, EventRow.model_id.is_not(None))
    return [number for number in session.scalars(now.union(once)) if number is not None]


def registered(session: Session, names: Collection[str]) -> frozenset[str]:
    """Return those of some names that a model bears now."""
    return frozenset(session.scalars(select(Model.name).where(Model.name.in_(names))))


def event_of(row: EventRow) -> Event:
    """Return a line of the log."""
    return Event(
        id=row.id,
        happened_at=row.happened_at,
        actor=row.actor,
        action=row.action,
        model=row.model,
        family=row.family,
        details=row.details,
        undoable=row.undo is not None and row.undone_by is None,
        undone_by=row.undone_by,
    )


def tree_of_family(session: Session, family: str) -> Tree:
    """Return the models of a family and what connects them. Raises ModelNotFound without any."""
    query = select(Model.id).join(Family).where(Family.name == family, CURRENT)
    ids = list(session.scalars(query))
    if not ids:
        raise ModelNotFound(name=family)
    return Tree(nodes_of(session, ids), edges_of(session, ids))


def main_parent(session: Session, name: str) -> str | None:
    """Return what a model was made from, as the tree stands. Raises ModelNotFound."""
    query = select(Model.name).join(EdgeRow, EdgeRow.parent_id == Model.id)
    query = query.where(EdgeRow.child_id == find(session, name).id, EdgeRow.main, STANDS)
    return session.scalar(query)


def edge_content(session: Session, number: int) -> tuple[Edge, bool] | None:
    """Return an edge by its number, and whether it stands; None where there is none."""
    edges = edges_where(session, EdgeRow.id == number)
    if not edges:
        return None
    stands = select(EdgeRow.id).where(EdgeRow.id == number, STANDS)
    return edges[0], session.scalar(stands) is not None
