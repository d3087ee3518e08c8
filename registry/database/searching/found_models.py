"""Models that a search finds, page by page: each page begins behind the last of the one before."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Double, Select, and_, literal, or_, select, text
from sqlalchemy.orm import Session, contains_eager

from registry.database.searching.search_conditions import From, beside, condition_of
from registry.database.searching.search_fields import PARENT, Beside
from registry.database.searching.search_terms import Term, read
from registry.database.stored.models import Summary, find, summary
from registry.database.tables.schema import EdgeRow, Family, FingerprintRow, Model, VerdictRow
from registry.errors import PlaceRefused, SearchNeedsModel

PAGE = 50
ALL = 2**31 - 2
BEHIND = ":"
SAID = text("""
    SELECT m.id, v.verdict, v.base,
        ARRAY(SELECT tag FROM registry_tables.tags WHERE model_id = m.id ORDER BY tag) AS tags
    FROM unnest(CAST(:ids AS integer[])) AS m (id)
    LEFT JOIN registry_tables.verdicts AS v ON v.model_id = m.id
""")
"""The newest verdicts on models, and their tags."""


@dataclass(frozen=True)
class Search:
    """What is sought.

    Attributes:
        where: In the words of `search_terms`; empty for all models.
        near: A model, by whose distance the answer is sorted; else it is by name.
        after: `next` of the page before; empty for the first page.
        most: How many to return.
    """

    where: str = ""
    near: str = ""
    after: str = ""
    most: int = PAGE


@dataclass(frozen=True)
class Found:
    """A model that fits.

    Attributes:
        verdict, base: Of the newest verdict; None where there is none.
        std_distance: From the model `near`; None without one.
    """

    model: Summary
    tags: tuple[str, ...]
    verdict: str | None
    base: str | None
    std_distance: float | None


@dataclass(frozen=True)
class FoundModels:
    """A page of models that fit.

    Attributes:
        next: `after` of the next page; empty where there is none.
    """

    models: tuple[Found, ...]
    next: str


class Row(NamedTuple):
    """A model, and its distances: coarse, by which pages are sorted, and exact."""

    model: Model
    coarse: float | None
    distance: float | None


def found_models(session: Session, search: Search) -> FoundModels:
    """Return a page of the models that fit. Raises RegistryError."""
    return models_of(session, read(search.where), search)


def models_of(session: Session, terms: Term | None, search: Search) -> FoundModels:
    """Return a page of the models that terms hold for, whatever the search's own are.

    Raises RegistryError.
    """
    near = from_model(session, search.near) if search.near else None
    query = joined(beside(terms), near)
    if terms is not None:
        query = query.where(condition_of(terms, near))
    query = placed(query, search, near).limit(search.most + 1)

    rows = [Row(*row) if near else Row(row[0], None, None) for row in session.execute(query)]
    page = rows[: search.most]
    following = place_of(page[-1]) if len(rows) > search.most else ""
    if near:
        page.sort(key=lambda row: (row.distance, row.model.id))
    return FoundModels(tuple(described(session, page)), following)


def from_model(session: Session, name: str) -> From:
    """Return a model that distances are measured from. Raises ModelNotFound, ModelAmbiguous."""
    model = find(session, name)
    row = session.get(FingerprintRow, model.id)
    if row is None or row.search_group is None:
        raise SearchNeedsModel(word=name)
    return From(model.name, tuple(row.std), row.search_group)


def joined(places: set[Beside], near: From | None) -> Select[Any]:
    """Return a query of models with what is read beside them, and their distances."""
    columns: tuple[Any, ...] = (Model,)
    if near:
        places = places | {Beside.FINGERPRINT}
        columns = (Model, near.coarse, near.distance)
    query = select(*columns).join(Family, Family.id == Model.family_id)
    query = query.options(contains_eager(Model.family))
    if Beside.FINGERPRINT in places:
        query = query.join(FingerprintRow, FingerprintRow.model_id == Model.id)
    if Beside.VERDICT in places:
        query = query.outerjoin(VerdictRow, VerdictRow.model_id == Model.id)
    if Beside.EDGE in places:
        is_main = and_(EdgeRow.child_id == Model.id, EdgeRow.main, EdgeRow.superseded_at.is_(None))
        query = query.outerjoin(EdgeRow, is_main).outerjoin(PARENT, PARENT.id == EdgeRow.parent_id)
    return query.where(FingerprintRow.search_group == near.group) if near else query


def placed(query: Select[Any], search: Search, near: From | None) -> Select[Any]:
    """Return a query in its order, behind the place where the page before ended."""
    first, _, rest = search.after.partition(BEHIND)
    try:
        if near:
            query = query.order_by(near.coarse, Model.id)
            return query.where(*behind_distance(near, first, rest)) if search.after else query
        query = query.order_by(Model.name, Model.fingerprint_version.desc())
        return query.where(*behind_name(int(first), rest)) if search.after else query
    except ValueError as exc:
        raise PlaceRefused(place=search.after) from exc


def behind_name(version: int, name: str) -> Sequence[Any]:
    """Return the conditions of models behind one by name; the first of them an index serves."""
    if "\0" in name or not 0 <= version < 2**31:
        raise ValueError
    return Model.name >= name, or_(Model.name > name, Model.fingerprint_version < version)


def behind_distance(near: From, distance: str, number: str) -> Sequence[Any]:
    """Return the conditions of models behind one by distance."""
    last = literal(float(distance), Double)
    if not (math.isfinite(float(distance)) and 0 <= int(number) < 2**31):
        raise ValueError
    return (or_(near.coarse > last, and_(near.coarse == last, Model.id > int(number))),)


def place_of(row: Row) -> str:
    """Return where a page ends."""
    if row.coarse is not None:
        return f"{row.coarse!r}{BEHIND}{row.model.id}"
    return f"{row.model.fingerprint_version}{BEHIND}{row.model.name}"


def described(session: Session, rows: Sequence[Row]) -> list[Found]:
    """Return models with their tags and verdicts."""
    beside = {of.id: of for of in session.execute(SAID, {"ids": [row.model.id for row in rows]})}
    answer = []
    for row in rows:
        said = beside[row.model.id]
        model = summary(row.model)
        answer.append(Found(model, tuple(said.tags), said.verdict, said.base, row.distance))
    return answer
