"""The verdict that was given when a model was ingested."""

from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from registry.database.models import Summary, find, summary
from registry.database.schema import VerdictRow
from registry.database.text_limits import fitting
from registry.errors import NoVerdict
from registry.lineage.verdict import Change, ChangeKind, Evidence, EvidenceKind, Relation, Verdict

EVIDENCE_FIELDS = frozenset(field.name for field in fields(Evidence))


class StoredVerdict(NamedTuple):
    """A registered model, the verdict that was stored with it, and when it was given."""

    model: Summary
    verdict: Verdict
    judged_at: datetime


def keep_verdict(session: Session, name: str, verdict: Verdict) -> None:
    """Store what was said of a model, in place of what was said before. Raises ModelNotFound."""
    model = find(session, name)
    kinds = []
    changes = []
    for change in verdict.changes:
        kinds.append(str(change.kind))
        changes.append(change_json(change))

    model.verdict = VerdictRow(
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
    )


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

    verdict = Verdict(
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
    )
    return StoredVerdict(summary(model), verdict, row.judged_at)


def changes_of(row: VerdictRow) -> tuple[Change, ...]:
    """Return the changes of a row; of one from before 0008, the sentences that it holds."""
    if row.changes is None:
        return tuple(Change(ChangeKind.STATED, parts=(sentence,)) for sentence in row.how)

    changes = []
    for content in row.changes:
        kind = ChangeKind(content["kind"])
        parts = tuple(content["parts"])
        shares = tuple(content.get("shares", ()))
        by_layer = tuple(map(tuple, content.get("by_layer", ())))
        changes.append(Change(kind, content["amount"], parts, shares, by_layer))
    return tuple(changes)


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
