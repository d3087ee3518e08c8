"""Sources and claims of registered models: as tables and as JSON. Pure."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from registry.lineage.claim_check import ClaimOutcome
from registry.report.claim_wording import shown, value_of
from registry.report.tables import short_count, table

if TYPE_CHECKING:
    from registry.database.stored.sources import Source
    from registry.workflows.claims import CheckedClaim

SHORT_COMMIT = 12
NO_CLAIMS = "nothing is claimed"
NO_CONTRADICTIONS = "no claim is contradicted"


def sources_table(sources: Sequence["Source"]) -> RenderableType:
    """Return a row for every place where weights were seen."""
    rows = [source_row(source) for source in sources]
    columns = ("model", "called", "source", "bytes", "format", "seen")
    return table(*columns, rows=rows, right=("bytes",))


def source_row(source: "Source") -> tuple[Any, ...]:
    """Return the cells of a source."""
    place = f"{source.host}:{source.source}" if source.host else source.source
    if source.revision:
        place += f" at {source.revision[:SHORT_COMMIT]}"
    return (
        source.model,
        source.name,
        place,
        "" if source.size is None else short_count(source.size),
        source.format or "",
        seen(source),
    )


def seen(source: "Source") -> str:
    """Return the day on which a source was seen, or the first and the last."""
    days = {f"{source.first_seen:%Y-%m-%d}": None, f"{source.last_seen:%Y-%m-%d}": None}
    return " - ".join(days)


def sources_line(sources: Sequence["Source"]) -> str:
    """Return where else a model was seen, as a sentence."""
    places = ", ".join(f"{source.name} ({source.source})" for source in sources)
    return f"{len(sources)} sources: {places}"


def claims_table(claims: Sequence["CheckedClaim"]) -> RenderableType:
    """Return a row for every claim beside what the weights show."""
    rows = []
    for checked in claims:
        claim = checked.claim
        row = (claim.model, claim.claim, value_of(checked), claim.made_by)
        rows.append((*row, shown(checked), checked.outcome.value))
    return table("model", "claim", "value", "made by", "weights show", "outcome", rows=rows)


def claims_json(claims: Sequence["CheckedClaim"]) -> dict[str, Any]:
    """Return the claims, and how many have which outcome."""
    counts = {outcome.value: 0 for outcome in ClaimOutcome}
    rows = []
    for checked in claims:
        counts[checked.outcome.value] += 1
        rows.append(claim_json(checked))
    return {"claims": rows, "counts": counts}


def claim_json(checked: "CheckedClaim") -> dict[str, Any]:
    """Return one claim beside what the weights show."""
    claim = asdict(checked.claim)
    del claim["number"]
    return {
        **claim,
        "outcome": checked.outcome.value,
        "finding": checked.finding.value,
        "registered": checked.registered,
        "by_last_part": checked.by_last_part,
        "relation": checked.relation,
        "parent": checked.parent,
        "root": checked.root,
        "root_architecture": checked.root_architecture,
    }
