"""A verdict: as a table and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from registry.report.tables import probability, table

if TYPE_CHECKING:
    from registry.database.models import Summary
    from registry.database.nearest import Match
    from registry.lineage.verdict import Evidence, Verdict
    from registry.workflows.identify import Identification


def identification_table(found: "Identification") -> RenderableType:
    """The verdict, the evidence, the nearest models and families."""
    told = verdict_table(found.source, found.verdict)
    if not found.matches:
        return told
    return Group(
        told, matches_table("nearest by std vector", found.matches), families_line(found.families)
    )


def verdict_table(source: str, verdict: "Verdict") -> RenderableType:
    """A verdict and its evidence, line by line."""
    rows = [row_of(line) for line in verdict.evidence]
    numbers = ("value", "95 % below", "p-value")
    lines = Text("\n".join(f"  {line}" for line in (*verdict.how, *chances(verdict))))
    head = Text(f"{source}: {headline(verdict)}", style="bold")
    return Group(
        head, *([lines] if lines else []), table("evidence", *numbers, rows=rows, right=numbers)
    )


def headline(verdict: "Verdict") -> str:
    """The verdict in words."""
    named = {
        "same weights": f"same weights as {verdict.model}",
        "quantised copy": f"quantised copy of {verdict.model}",
        "derived": f"derived from {verdict.model}",
        "same family": f"same family as {verdict.model} (family {verdict.family})",
    }
    return named.get(verdict.verdict, verdict.verdict)


def chances(verdict: "Verdict") -> list[str]:
    """What chance alone would give."""
    if verdict.chance is None or verdict.verdict == "same weights":
        return []
    whoever = (
        f"one of {verdict.candidates} independent models"
        if verdict.candidates > 1
        else "an independent model"
    )
    return [f"{whoever} would agree as well with probability {probability(verdict.chance)}"]


def row_of(line: "Evidence") -> tuple[str, ...]:
    """One line of evidence."""
    numbers = ("" if each is None else f"{each:.3g}" for each in (line.value, line.null))
    return (line.sentence, *numbers, "" if line.p_value is None else probability(line.p_value))


def verified_table(source: str, base: str, outcome: str, verdict: "Verdict") -> RenderableType:
    """What became of a claim."""
    return Group(
        Text(f"that {source} comes from {base} is {outcome}", style="bold"),
        verdict_table(source, verdict),
    )


def explained_table(model: "Summary", verdict: "Verdict", judged_at: datetime) -> RenderableType:
    """A verdict that was stored."""
    when = Text(f"as judged at {judged_at:%Y-%m-%d %H:%M}, when {model.name} was ingested")
    return Group(when, verdict_table(model.name, verdict))


def matches_table(title: str, matches: Sequence["Match"]) -> Table:
    """Distances of the nearest models."""
    rows = [
        (m.model, m.family, f"{m.std_distance:.3g}", f"{m.clustering_distance:.3g}")
        for m in matches
    ]
    numbers = ("std distance", "clustering distance")
    return table(title, "family", *numbers, rows=rows, right=numbers)


def families_line(families: Sequence["Match"]) -> Text:
    """The families in the order of their nearest member."""
    return Text(
        "nearest families: " + ", ".join(f"{m.family} ({m.spread_distance:.2g})" for m in families)
    )


def identification_json(found: "Identification") -> dict[str, Any]:
    """The verdict with its numbers."""
    return {
        "source": found.source,
        "kind": found.fingerprint.kind,
        **verdict_json(found.verdict),
        "matches": found.matches,
        "families": found.families,
        "digest": found.fingerprint.digest,
        "fingerprint_version": found.fingerprint.version,
    }


def verdict_json(verdict: "Verdict") -> dict[str, Any]:
    """A verdict with its numbers."""
    return asdict(verdict)


def explained_json(model: "Summary", verdict: "Verdict", judged_at: datetime) -> dict[str, Any]:
    """A verdict that was stored."""
    return {"name": model.name, "judged_at": judged_at, **verdict_json(verdict)}
