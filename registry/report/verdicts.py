"""A verdict as a table and as JSON; report/wording.py writes its sentences. Pure."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table

from registry.fingerprints.grades import Grade
from registry.lineage.descent import DirectionShown
from registry.lineage.direction_errors import measured_error
from registry.lineage.verdict import Change, Direction, Evidence, Relative, Verdict
from registry.report.change_wording import change_sentence
from registry.report.tables import lines, number_text, table
from registry.report.wording import (
    evidence_sentence,
    headline,
    probability,
    verdict_lines,
)

if TYPE_CHECKING:
    from registry.database.searching.nearest import Match
    from registry.database.stored.models import Summary
    from registry.fingerprints.partial import Glimpse
    from registry.workflows.identify import Identification

NUMBERS = ("score", "null", "p-value")
DISTANCES = ("std distance", "clustering distance")


def identification_table(identification: "Identification") -> RenderableType:
    """Return the verdict, its evidence, and the nearest models and families."""
    verdict = verdict_table(identification.source, identification.verdict)
    if not identification.matches:
        return verdict
    matches = matches_table("nearest by std vector", identification.matches)
    return Group(verdict, matches, families_line(identification.families))


def verdict_table(source: str, verdict: Verdict) -> RenderableType:
    """Return a verdict with its changes, and its evidence line by line."""
    parts: list[RenderableType] = [lines(f"{source}: {headline(verdict)}", style="bold")]
    indented = [f"  {line}" for line in verdict_lines(verdict)]
    if indented:
        parts.append(lines(*indented))

    rows = [evidence_row(line) for line in verdict.every_line]
    parts.append(table("evidence", *NUMBERS, rows=rows, right=NUMBERS))
    return Group(*parts)


def evidence_row(line: Evidence) -> tuple[str, str, str, str]:
    """Return a line of evidence as its sentence, score, null and p-value."""
    return (
        evidence_sentence(line),
        score_text(line),
        null_text(line),
        p_value_text(line),
    )


def score_text(line: Evidence) -> str:
    """Return a line's number to three digits, empty where it has none."""
    return number_text(line.value)


def null_text(line: Evidence) -> str:
    """Return a line's null; of a calibrated distance what few unrelated pairs come below."""
    if line.null is None:
        return ""

    number = f"{line.null:.3g}"
    lower_is_closer = line.direction == Direction.LOWER
    calibrated = line.p_value is not None
    if lower_is_closer and calibrated:
        return f"below {number}"
    return number


def p_value_text(line: Evidence) -> str:
    """Return a line's p-value, empty where it has none."""
    return "" if line.p_value is None else probability(line.p_value)


def verified_table(source: str, base: str, outcome: str, verdict: Verdict) -> RenderableType:
    """Return what became of the claim that a source comes from a base."""
    claim = lines(f"that {source} comes from {base} is {outcome}", style="bold")
    return Group(claim, verdict_table(source, verdict))


def explained_table(model: "Summary", verdict: Verdict, judged_at: datetime) -> RenderableType:
    """Return a verdict that was stored."""
    when = lines(f"as last judged at {judged_at:%Y-%m-%d %H:%M}, among the models known then")
    return Group(when, verdict_table(model.name, verdict))


def matches_table(title: str, matches: Sequence["Match"]) -> Table:
    """Return the distances of the nearest models."""
    rows = []
    for match in matches:
        std = f"{match.std_distance:.3g}"
        clustering = number_text(match.clustering_distance)
        rows.append((match.model, match.family, std, clustering))
    return table(title, "family", *DISTANCES, rows=rows, right=DISTANCES)


def families_line(families: Sequence["Match"]) -> RenderableType:
    """Return the families in the order of their nearest member by log-ratio distance."""
    names = [f"{match.family} ({match.spread_distance:.2g})" for match in families]
    return lines("nearest families: " + ", ".join(names))


def identification_json(identification: "Identification") -> dict[str, Any]:
    """Return an identification as docs/json.md describes it."""
    fingerprint = identification.fingerprint
    is_whole = identification.verdict.grade != Grade.ATTENTION
    return {
        "source": identification.source,
        "kind": fingerprint.kind,
        **verdict_json(identification.verdict),
        "matches": identification.matches,
        "families": identification.families,
        "digest": fingerprint.digest if is_whole else None,
        "fingerprint_version": fingerprint.version,
    }


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as docs/json.md describes it."""
    sentences, changes = [], []
    for change in verdict.changes:
        sentences.append(change_sentence(change))
        changes.append(change_json(change))

    return {
        "verdict": str(verdict.verdict),
        "model": verdict.model,
        "family": verdict.family,
        "closest": verdict.closest,
        "how": sentences,
        "changes": changes,
        "score": verdict.score,
        "p_value": verdict.p_value,
        "chance": verdict.chance,
        "candidates": verdict.candidates,
        "evidence": [evidence_json(line) for line in verdict.evidence],
        **direction_json(verdict.direction),
        "relatives": [relative_json(relative) for relative in verdict.relatives],
        "grade": str(verdict.grade),
    }


def read_json(glimpse: "Glimpse | None") -> dict[str, int]:
    """Return the bytes that a quick look read, and of all tensors; nothing where there was none."""
    return {} if glimpse is None else {"read": glimpse.read, "bytes": glimpse.total}


def direction_json(direction: DirectionShown | None) -> dict[str, Any]:
    """Return which of two models came first, and what shows it; null where it is not looked into.

    `direction_error` is the measured share of wrong ones among those that this reason gives.
    """
    if direction is None:
        return {"direction": None, "direction_reason": None, "direction_error": None}
    return {
        "direction": str(direction.descent),
        "direction_reason": str(direction.reason) if direction.reason else None,
        "direction_error": measured_error(direction.reason) if direction.reason else None,
    }


def relative_json(relative: Relative) -> dict[str, Any]:
    """Return a related model as docs/json.md describes it."""
    return {
        "model": relative.model,
        "family": relative.family,
        "relation": str(relative.relation),
        "explained": relative.explained,
        "p_value": relative.p_value,
        "score": relative.score,
        "tied": relative.tied,
        "changes": [change_json(change) for change in relative.changes],
        **direction_json(relative.direction),
    }


def change_json(change: Change) -> dict[str, Any]:
    """Return a change: its kind, amount and parts; a merge's shares, an edit's evidence."""
    content: dict[str, Any] = {
        "kind": str(change.kind),
        "amount": change.amount,
        "parts": list(change.parts),
    }
    if change.shares:
        content["shares"] = list(change.shares)
        content["by_layer"] = list(map(list, change.by_layer)) or None
    if change.stated is not None:
        content["stated"] = change.stated
    if change.evidence:
        content["evidence"] = [evidence_json(line) for line in change.evidence]
    return content


def evidence_json(line: Evidence) -> dict[str, Any]:
    """Return a line of evidence: its name, its sentence and all numbers, null where it has none."""
    numbers = asdict(line)
    kind = numbers.pop("kind")
    numbers.pop("sentence")
    direction = str(line.direction) if line.direction else None
    return {
        "name": str(kind),
        "sentence": evidence_sentence(line),
        "direction": direction,
        **numbers,
    }


def explained_json(model: "Summary", verdict: Verdict, judged_at: datetime) -> dict[str, Any]:
    """Return a verdict that was stored, with the model's name and the time."""
    return {"name": model.name, "judged_at": judged_at, **verdict_json(verdict)}
