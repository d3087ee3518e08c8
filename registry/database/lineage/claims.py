"""What is claimed of registered models, and what the tables hold to check it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, Text, any_, bindparam, func, or_, select, text
from sqlalchemy.orm import Session

from registry.database.stored.models import CURRENT, find
from registry.database.tables.curation_tables import ClaimRow, SourceRow
from registry.database.tables.lineage_tables import EdgeRow, VerdictRow
from registry.database.tables.schema import Model
from registry.lineage.claim_check import Judged
from registry.lineage.family_lines import FamilyLines, ParentLine
from registry.lineage.verdict import ChangeKind, Relation

REVISION, FILE = "@", ":"
"""Before the revision of a hub id, and before a file in it."""
EDGES = """
SELECT e.child_id, e.parent_id, e.relation, e.main FROM registry_tables.edges AS e
WHERE e.superseded_at IS NULL
"""
KIN = """
WITH RECURSIVE kin AS (
    SELECT unnest(CAST(:numbers AS integer[])) AS id
    UNION
    SELECT unnest(ARRAY[k.child_id, k.parent_id])
    FROM registry_tables.edges AS k JOIN kin ON kin.id IN (k.child_id, k.parent_id)
    WHERE k.superseded_at IS NULL
)
"""
OF_KIN = "AND e.child_id IN (SELECT id FROM kin)"


@dataclass(frozen=True)
class StoredClaim:
    """One claim.

    Attributes:
        number: The model that it is about.
        model: Its name.
        source: Where the claim stands, a full path or a hub id; None where that was not recorded.
        claim: `base_model`, `relation`, `licence` or `architecture`.
        made_by: `card`, `config` or `adapter config`.
        withdrawn: Whether it stood there no more when the source was last seen.
    """

    number: int
    model: str
    source: str | None
    claim: str
    value: str
    made_by: str
    seen_at: datetime
    withdrawn: bool


@dataclass(frozen=True)
class Meant:
    """The registered models that a text may mean, by number.

    Attributes:
        by_last_part: Whether only the last part of a name is alike, so that it may be another.
    """

    numbers: tuple[int, ...] = ()
    by_last_part: bool = False


def claims_of(session: Session, name: str | None = None) -> list[StoredClaim]:
    """Return what is claimed of all models, or of one, by model and in the order it was read.

    Raises ModelNotFound, ModelAmbiguous.
    """
    query = select(ClaimRow, Model.name, SourceRow.source, SourceRow.last_seen)
    query = query.join(Model, Model.id == ClaimRow.model_id)
    query = query.outerjoin(SourceRow, SourceRow.id == ClaimRow.source_id)
    if name is not None:
        query = query.where(Model.id == find(session, name).id)
    claims = []
    for row, model, source, last_seen in session.execute(query.order_by(Model.name, ClaimRow.id)):
        claims.append(
            StoredClaim(
                number=row.model_id,
                model=model,
                source=source,
                claim=row.claim,
                value=row.value,
                made_by=row.made_by,
                seen_at=row.seen_at,
                withdrawn=last_seen is not None and row.seen_at < last_seen,
            )
        )
    return claims


def meanings(session: Session, values: Iterable[str]) -> dict[str, Meant]:
    """Return which registered models texts mean: by name, by the name of a source, or by hub id.

    Case counts for nothing, nor does a revision. Where nothing bears a name, the last part of it
    (`llama-7b` of `org/llama-7b`) is looked for among the last parts of these.
    """
    keys = {value: key_of(value) for value in values}
    known = names_of(session, set(keys.values()), last_part=False)
    left = {last_part(key) for key in keys.values() if key not in known}
    alike = names_of(session, left, last_part=True)
    meant = {}
    for value, key in keys.items():
        if key in known:
            meant[value] = Meant(tuple(sorted(known[key])))
        else:
            numbers = alike.get(last_part(key), ())
            meant[value] = Meant(tuple(sorted(numbers)), by_last_part=True)
    return meant


def key_of(name: str) -> str:
    """Return a name in small letters, without a hub's revision."""
    return name.partition(REVISION)[0].lower()


def last_part(name: str) -> str:
    """Return what follows the last slash."""
    return name.rpartition("/")[2]


def names_of(session: Session, keys: set[str], *, last_part: bool) -> dict[str, set[int]]:
    """Return the numbers of the models that bear one of some names, or last parts of names.

    A model's own name counts before those of its sources. Of models of one name, that of the
    version that is compared now counts.
    """
    by_name: dict[str, set[int]] = defaultdict(set)
    left = set(keys)
    for query in queries_of_names(last_part=last_part):
        if not left:
            break
        for name, number in session.execute(query, {"keys": list(left)}):
            by_name[name].add(number)
        left -= set() if last_part else by_name.keys()
    return by_name


def queries_of_names(*, last_part: bool) -> list[Select[Any]]:
    """Return queries for names and numbers of models: by their own names, and by sources'.

    Each takes the names as `keys`. The first is for a name that is written as it is registered:
    an index serves it.
    """
    is_asked = func.lower(Model.name) == any_(bindparam("keys", type_=ARRAY(Text)))
    exact = select(func.lower(Model.name), Model.id).where(is_asked, CURRENT)
    queries = [] if last_part else [exact]
    for column in (Model.name, SourceRow.name, SourceRow.source):
        key = func.lower(func.split_part(column, REVISION, 1))
        if column is SourceRow.source:
            key = func.split_part(key, FILE, 1)
        if last_part:
            key = func.regexp_replace(key, "^.*/", "")
        query = select(key, Model.id)
        if column is not Model.name:
            query = query.select_from(SourceRow).join(Model, Model.id == SourceRow.model_id)
        is_asked = key == any_(bindparam("keys", type_=ARRAY(Text)))
        queries.append(query.where(is_asked, CURRENT))
    return queries


def judged_models(session: Session, numbers: Collection[int] | None) -> dict[int, Judged]:
    """Return what claims are checked against, of some models or of all, by number."""
    merged = select(EdgeRow.child_id).where(EdgeRow.superseded_at.is_(None))
    if numbers is not None:
        merged = merged.where(EdgeRow.child_id.in_(set(numbers)))
    merged = merged.group_by(EdgeRow.child_id).having(func.count() > 1)
    query = select(
        Model.id,
        Model.name,
        Model.kind,
        Model.fingerprint_version,
        Model.architecture,
        VerdictRow.verdict,
        VerdictRow.due,
        or_(has_change(ChangeKind.MERGED), Model.id.in_(merged)).label("merged"),
        has_change(ChangeKind.QUANTISED).label("quantised"),
    ).outerjoin(VerdictRow, VerdictRow.model_id == Model.id)
    if numbers is not None:
        query = query.where(Model.id.in_(set(numbers)))
    judged = {}
    for row in session.execute(query):
        judged[row.id] = Judged(
            number=row.id,
            name=row.name,
            kind=row.kind,
            version=row.fingerprint_version,
            architecture=row.architecture,
            relation=Relation(row.verdict) if row.verdict else None,
            merged=bool(row.merged),
            quantised=bool(row.quantised),
            due=bool(row.due),
        )
    return judged


def has_change(kind: ChangeKind) -> ColumnElement[bool]:
    """Return the condition that a change of a kind is among those of a verdict."""
    return VerdictRow.changes.contains([{"kind": str(kind)}])


def lines_around(session: Session, numbers: Sequence[int] | None) -> FamilyLines:
    """Return all edges of the tree as it stands, or those that lead to and from some models."""
    if numbers is None:
        rows = session.execute(text(EDGES))
    else:
        rows = session.execute(text(KIN + EDGES + OF_KIN), {"numbers": list(numbers)})
    lines = []
    for child, parent, relation, main in rows:
        lines.append(ParentLine(child, parent, Relation(relation), main))
    return FamilyLines.of(lines)
