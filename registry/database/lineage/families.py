"""Families that follow: a model is of the family of its root, unless somebody set another."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.database.curating.events import Action, record_event
from registry.database.lineage.edges import STANDS
from registry.database.stored.models import (
    CURRENT,
    default_family,
    drop_empty_families,
    family_id,
)
from registry.database.tables.schema import EdgeRow, Family, Model


class Member(NamedTuple):
    """A model of a tree, with its family and whether somebody set that."""

    name: str
    family: str
    is_set: bool
    base: str | None


def follow_roots(session: Session, ids: Collection[int], because: str) -> None:
    """Put models into the families of their roots, and after them those that claim to be theirs.

    Args:
        ids: All models of the trees that were drawn anew.
        because: What made it necessary.
    """
    waiting = set(ids)
    looked_at: set[int] = set()
    changed = names_of(session, ids)
    while waiting:
        changed += follow(session, waiting, because)
        looked_at |= waiting
        waiting = set(claimants(session, changed)) - looked_at


def follow(session: Session, ids: Collection[int], because: str) -> list[str]:
    """Put models into the families of their roots; return the names of those that were moved."""
    members = members_of(session, ids)
    query = select(EdgeRow.child_id, EdgeRow.parent_id)
    query = query.where(EdgeRow.child_id.in_(ids), EdgeRow.main, STANDS)
    parents = dict(session.execute(query).all())

    tree_names = {member.name for member in members.values()}
    moved = []
    left = set()
    for number, member in members.items():
        root = root_of(number, parents)
        family = family_of(session, members[root], tree_names)
        if member.is_set or member.family == family:
            continue
        model = session.get_one(Model, number)
        model.family_id = family_id(session, family)
        session.flush()
        session.refresh(model, ["family"])
        details = {"from": member.family, "to": family, "root": members[root].name}
        record_event(session, Action.FAMILY_FOLLOWED, model, details=details | {"because": because})
        moved.append(member.name)
        left.add(member.family)
    drop_empty_families(session, left)
    return moved


def names_of(session: Session, ids: Collection[int]) -> list[str]:
    """Return the names of some models."""
    return list(session.scalars(select(Model.name).where(Model.id.in_(ids))))


def members_of(session: Session, ids: Collection[int]) -> dict[int, Member]:
    """Return models by number."""
    query = select(Model.id, Model.name, Family.name, Model.family_set, Model.declared_base)
    query = query.join(Family).where(Model.id.in_(ids)).order_by(Model.id)
    members = {}
    for number, name, family, is_set, base in session.execute(query):
        members[number] = Member(name, family, is_set, base)
    return members


def root_of(number: int, parents: dict[int, int]) -> int:
    """Return the model at the end of the line of main parents."""
    while number in parents:
        number = parents[number]
    return number


def family_of(session: Session, root: Member, tree_names: Collection[str]) -> str:
    """Return the family of a root: the one that was set, else its own.

    Args:
        tree_names: Models of its tree, which follow it and are not followed.
    """
    if root.is_set:
        return root.family
    base = None if root.base in tree_names else root.base
    return default_family(session, root.name, base)


def claimants(session: Session, names: Collection[str]) -> list[int]:
    """Return the models without a parent that claim to be made from some, by name."""
    query = select(Model.id).where(Model.declared_base.in_(names), ~Model.family_set, CURRENT)
    has_parent = select(EdgeRow.id).where(EdgeRow.child_id == Model.id, EdgeRow.main, STANDS)
    return list(session.scalars(query.where(~has_parent.exists())))
