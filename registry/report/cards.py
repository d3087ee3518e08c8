"""A model's own card beside what its weights show: as a table and as JSON. Pure."""

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType

from registry.report.claim_wording import card_headline, shown, value_of
from registry.report.claims import claims_json
from registry.report.tables import lines, table
from registry.report.verdicts import verdict_json
from registry.report.wording import headline

if TYPE_CHECKING:
    from registry.workflows.card_check import CheckedCard

UNSEEN = ("model", "source", "seen_at", "withdrawn")
"""Keys of a stored claim that say nothing of one that was read just now."""


def card_table(checked: "CheckedCard", card: str) -> RenderableType:
    """Return whether card and weights agree, every claim, and the verdict on the weights."""
    parts: list[RenderableType] = [lines(card_headline(checked.outcome, card), style="bold")]
    parts.append(lines(f"  {checked.name}: {headline(checked.verdict)}"))
    rows = []
    for one in checked.claims:
        claim = one.claim
        rows.append((claim.claim, value_of(one), claim.made_by, shown(one), one.outcome.value))
    if rows:
        parts.append(table("claim", "value", "made by", "weights show", "outcome", rows=rows))
    return Group(*parts)


def card_json(checked: "CheckedCard", source: str, card: str) -> dict[str, Any]:
    """Return what docs/json.md describes: the outcome, the claims, and the verdict."""
    claims = claims_json(checked.claims)
    for claim in claims["claims"]:
        for key in UNSEEN:
            del claim[key]
    return {
        "source": source,
        "card": card,
        "outcome": str(checked.outcome),
        **claims,
        **verdict_json(checked.verdict),
    }
