"""What the tree is drawn from: the newest verdicts on all models that name one another."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Integer, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from registry.database.stored.models import CURRENT
from registry.database.tables.curation_tables import ClaimRow, SourceRow
from registry.database.tables.schema import FingerprintRow, Model, VerdictRow
from registry.lineage.descent import Descent, DirectionReason
from registry.lineage.standing import Sign, Standing

NEIGHBOURS = text("""
    SELECT parent_id FROM registry_tables.edges
    WHERE child_id = ANY(:front) AND superseded_at IS NULL
    UNION
    SELECT child_id FROM registry_tables.edges
    WHERE parent_id = ANY(:front) AND superseded_at IS NULL
    UNION
    SELECT unnest(parent_ids) FROM registry_tables.verdicts WHERE model_id = ANY(:front)
    UNION
    SELECT model_id FROM registry_tables.verdicts WHERE parent_ids && :front
""").bindparams(bindparam("front", type_=ARRAY(Integer)))


def connected(session: Session, ids: Collection[int]) -> list[int]:
    """Return all models that edges and verdicts lead to from some, themselves among them."""
    group = set(ids)
    front = set(ids)
    while front:
        neighbours = session.scalars(NEIGHBOURS, {"front": list(front)})
        front = set(neighbours) - group
        group |= front
    query = select(Model.id).where(Model.id.in_(group), CURRENT)
    return list(session.scalars(query))


def standings_of(session: Session, ids: Collection[int]) -> list[Standing]:
    """Return what the newest verdicts on some models say of their places."""
    verdict = (VerdictRow.parent_ids, VerdictRow.signs, VerdictRow.explained)
    query = select(Model.id, Model.name, *verdict, FingerprintRow.std)
    query = query.join(FingerprintRow, FingerprintRow.model_id == Model.id)
    query = query.outerjoin(VerdictRow, VerdictRow.model_id == Model.id)
    query = query.where(Model.id.in_(ids))
    claimed = claimed_bases(session, ids)

    standings = []
    for model, name, parents, signs, explained, std in session.execute(query):
        standing = Standing(
            model,
            name,
            parents=tuple(parents or ()),
            signs=signs_of(signs or {}),
            explained=explained or 0.0,
            claimed=frozenset(claimed.get(model, set()) - {model}),
            spread=spread_of(std),
        )
        standings.append(standing)
    return standings


def spread_of(std: Iterable[float]) -> float:
    """Return the mean logarithm of the standard deviations of the projections that there are."""
    logarithms = [math.log(one) for one in std if one > 0]
    return sum(logarithms) / len(logarithms) if logarithms else 0.0


def signs_of(stored: dict[str, Any]) -> dict[int, Sign]:
    """Return the signs of a verdict's row, by the number of the relative."""
    signs = {}
    for number, (descent, reason) in stored.items():
        signs[int(number)] = Sign(Descent(descent), DirectionReason(reason) if reason else None)
    return signs


def stored_signs(signs: dict[int, Sign]) -> dict[str, Any]:
    """Return signs as a verdict's row holds them."""
    return {
        str(number): [str(sign.descent), str(sign.reason) if sign.reason else None]
        for number, sign in signs.items()
    }


def claimed_bases(session: Session, ids: Collection[int]) -> dict[int, set[int]]:
    """Return for models the registered ones that they are said to be made from, by their numbers.

    A claim means the model of that name, or one that was seen under it, in whatever case. Asked
    at every arrival, by indexes; `claims.meanings` reads more into a text, and all names for it.
    """
    values: dict[str, set[int]] = defaultdict(set)
    declared = select(Model.id, Model.declared_base)
    declared = declared.where(Model.id.in_(ids), Model.declared_base.is_not(None))
    claims = select(ClaimRow.model_id, ClaimRow.value)
    claims = claims.where(ClaimRow.model_id.in_(ids), ClaimRow.claim == "base_model")
    for query in (declared, claims):
        for model, value in session.execute(query):
            values[str(value).lower()].add(model)

    bases: dict[int, set[int]] = defaultdict(set)
    for base, name in named(session, values):
        for model in values[name]:
            bases[model].add(base)
    return bases


def named(session: Session, names: Iterable[str]) -> list[tuple[int, str]]:
    """Return models and which of some lower-case names they bear, here or at their sources."""
    wanted = list(names)
    if not wanted:
        return []
    by_name = select(Model.id, func.lower(Model.name))
    by_name = by_name.where(func.lower(Model.name).in_(wanted))
    by_source = select(SourceRow.model_id, func.lower(SourceRow.name))
    by_source = by_source.where(func.lower(SourceRow.name).in_(wanted))
    by_source = by_source.join(Model, Model.id == SourceRow.model_id)
    query = by_name.where(CURRENT).union(by_source.where(CURRENT))
    return [(model, name) for model, name in session.execute(query)]
