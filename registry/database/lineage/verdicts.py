"""The newest verdict on each model: first at ingestion, and again as others come and go."""

from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.database.lineage.standings import stored_signs
from registry.database.stored.models import CURRENT, Summary, find, summary
from registry.database.tables.schema import Model, VerdictRow
from registry.database.tables.text_limits import fitting
from registry.errors import NoVerdict
from registry.lineage.descent import Descent, DirectionReason, DirectionShown
from registry.lineage.standing import CERTAIN, Sign
from registry.lineage.verdict import (
    Change,
    ChangeKind,
    Evidence,
    EvidenceKind,
    Relation,
    Relative,
    Verdict,
)

EVIDENCE_FIELDS = frozenset(field.name for field in fields(Evidence))


class StoredVerdict(NamedTuple):
    """A registered model, the verdict that was stored with it, and when it was given."""

    model: Summary
    verdict: Verdict
    judged_at: datetime


def keep_verdict(session: Session, name: str, verdict: Verdict, *, due: bool = False) -> int:
    """Store what was said of a model, in place of what was said before; return its number.

    Args:
        due: Whether it is to be judged again soon.

    Raises ModelNotFound.
    """
    model = find(session, name)
    kinds = []
    changes = []
    for change in verdict.changes:
        kinds.append(str(change.kind))
        changes.append(change_json(change))

    ids = numbers_of(session, verdict)
    nearest = verdict.relatives[0].explained if verdict.relatives else None
    row = VerdictRow(
        model_id=model.id,
        verdict=verdict.verdict,
        base=verdict.model,
        family=verdict.family,
        closest=verdict.closest,
        how=tuple(kinds),
        changes=fitting("verdicts.changes", changes),
        score=verdict.score,
        p_value=verdict.p_value,
        chance=verdict.chance,
        candidates=verdict.candidates,
        evidence=fitting("verdicts.evidence", list(map(evidence_json, verdict.evidence))),
        judged_at=func.now(),
        direction=direction_json(verdict.direction),
        relatives=[relative_json(relative, ids) for relative in verdict.relatives],
        parent_ids=parents_of(verdict, ids),
        signs=stored_signs(signs_shown(verdict, ids)),
        explained=nearest,
        due=due,
    )
    session.merge(row)
    session.flush()
    session.expire(model, ["verdict"])
    return model.id


def numbers_of(session: Session, verdict: Verdict) -> dict[str, int]:
    """Return the numbers of all models that a verdict names, by name; some may have gone."""
    names = {relative.model for relative in verdict.relatives}
    if verdict.model is not None:
        names.add(verdict.model)
    query = select(Model.name, Model.id).where(Model.name.in_(names), CURRENT)
    return dict(session.execute(query).all())


def parents_of(verdict: Verdict, ids: dict[str, int]) -> tuple[int, ...]:
    """Return the numbers of what a verdict says that a model was made from, the nearest first."""
    if not verdict.related or verdict.model is None:
        return ()
    names = [verdict.model]
    for change in verdict.changes:
        if change.kind == ChangeKind.MERGED:
            names += [str(part) for part in change.parts if part not in names]
    return tuple(ids[name] for name in names if name in ids)


def signs_shown(verdict: Verdict, ids: dict[str, int]) -> dict[int, Sign]:
    """Return of which relatives the weights show who came first, by their numbers."""
    signs = {}
    for relative in verdict.relatives:
        shown = relative.direction
        if shown is not None and shown.descent in CERTAIN and relative.model in ids:
            signs[ids[relative.model]] = Sign(shown.descent, shown.reason)
    for change in verdict.changes:
        if change.kind == ChangeKind.ADAPTER and verdict.model in ids:
            signs[ids[verdict.model]] = Sign(Descent.CHILD)  # a base is there before its adapter
    return signs


def direction_json(shown: DirectionShown | None) -> dict[str, Any] | None:
    """Return a direction as the column `direction` holds it."""
    if shown is None:
        return None
    return {
        "descent": str(shown.descent),
        "reason": str(shown.reason) if shown.reason else None,
        "origin": shown.origin,
    }


def direction_of(content: dict[str, Any] | None) -> DirectionShown | None:
    """Return the direction that a row holds."""
    if content is None:
        return None
    reason = DirectionReason(content["reason"]) if content["reason"] else None
    return DirectionShown(Descent(content["descent"]), reason, content["origin"])


def relative_json(relative: Relative, ids: dict[str, int]) -> dict[str, Any]:
    """Return a relative as the column `relatives` holds it."""
    content = fitting("verdicts.relatives", asdict(relative))
    content["id"] = ids.get(relative.model)
    content["relation"] = str(relative.relation)
    content["changes"] = fitting("verdicts.relatives", list(map(change_json, relative.changes)))
    content["direction"] = direction_json(relative.direction)
    return dict(content)


def relative_of(content: dict[str, Any]) -> Relative:
    """Return the relative that a row holds."""
    values = {field.name: content[field.name] for field in fields(Relative)}
    values["relation"] = Relation(content["relation"])
    values["changes"] = tuple(map(change_of, content["changes"]))
    values["direction"] = direction_of(content["direction"])
    return Relative(**values)


def change_json(change: Change) -> dict[str, Any]:
    """Return a change as the column `changes` holds it; docs/schema.md describes it."""
    content: dict[str, Any] = {
        "kind": str(change.kind),
        "amount": change.amount,
        "parts": list(change.parts),
    }
    if change.shares:
        content["shares"] = list(change.shares)
    if change.by_layer:
        content["by_layer"] = list(map(list, change.by_layer))
    if change.stated is not None:
        content["stated"] = change.stated
    if change.evidence:
        content["evidence"] = list(map(evidence_json, change.evidence))
    return content


def evidence_json(line: Evidence) -> dict[str, Any]:
    """Return a line as the column `evidence` holds it: with the numbers that it has."""
    content: dict[str, Any] = {"name": str(line.kind)}
    if line.direction:
        content["direction"] = str(line.direction)

    values = asdict(line)
    del values["kind"]
    content.update(filter(is_given, values.items()))
    return content


def is_given(item: tuple[str, Any]) -> bool:
    """Return whether a field of a line says something."""
    _, value = item
    return value is not None and value is not False


def kept_verdict(session: Session, name: str) -> StoredVerdict:
    """Return what was said of a registered model, and when. Raises ModelNotFound, NoVerdict."""
    model = find(session, name)
    row = model.verdict
    if row is None:
        raise NoVerdict(name=model.name)
    return StoredVerdict(summary(model), verdict_of(row), row.judged_at)


def verdict_of(row: VerdictRow) -> Verdict:
    """Return the verdict that a row holds."""
    return Verdict(
        Relation(row.verdict),
        model=row.base,
        family=row.family,
        closest=row.closest or row.base,
        changes=changes_of(row),
        score=row.score,
        p_value=row.p_value,
        chance=row.chance,
        candidates=row.candidates,
        evidence=evidence_of(row),
        relatives=tuple(map(relative_of, row.relatives or ())),
        direction=direction_of(row.direction),
    )


def changes_of(row: VerdictRow) -> tuple[Change, ...]:
    """Return the changes of a row; of one from before 0008, the sentences that it holds."""
    if row.changes is None:
        return tuple(Change(ChangeKind.STATED, parts=(sentence,)) for sentence in row.how)

    return tuple(map(change_of, row.changes))


def change_of(content: dict[str, Any]) -> Change:
    """Return the change that an object of a row describes."""
    kind = ChangeKind(content["kind"])
    parts = tuple(content["parts"])
    shares = tuple(content.get("shares", ()))
    by_layer = tuple(map(tuple, content.get("by_layer", ())))
    evidence = tuple(map(line_of, content.get("evidence", ())))
    return Change(kind, content["amount"], parts, shares, by_layer, evidence, content.get("stated"))


def line_of(content: dict[str, Any]) -> Evidence:
    """Return the line of evidence that an object of a row describes."""
    numbers = {name: content[name] for name in EVIDENCE_FIELDS & content.keys()}
    return Evidence(EvidenceKind(content["name"]), **numbers)


def evidence_of(row: VerdictRow) -> tuple[Evidence, ...]:
    """Return the evidence of a row."""
    lines = []
    for content in row.evidence:
        kind = EvidenceKind(content["name"])
        numbers = {name: content[name] for name in EVIDENCE_FIELDS & content.keys()}
        if row.changes is None and kind == EvidenceKind.SPECTRA:
            numbers |= spectral_distances(numbers)
        lines.append(Evidence(kind, **numbers))
    return tuple(lines)


def spectral_distances(numbers: dict[str, Any]) -> dict[str, float]:
    """Return a spectral line's value and null as distances, from -log10 of these."""
    distances = {}
    for name in ("value", "null"):
        if numbers.get(name) is not None:
            distances[name] = float(10 ** -numbers[name])
    return distances
