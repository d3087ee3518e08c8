"""Where a fingerprint comes from, as it travels to the tables, through a file of the spool too."""

from dataclasses import asdict
from typing import Any, NamedTuple

from registry.checkpoints.claim import Claim, Claimant, Claimed
from registry.checkpoints.source_facts import NOT_KNOWN, SourceFacts


class Origin(NamedTuple):
    """Where a fingerprint comes from, and what to register it as.

    base: the model that the checkpoint says it was made from. family: None for that of the base,
    else the model's own. facts, claims: what is known of the source, and claimed there; nothing in
    files that an older registry left.
    """

    source: str
    revision: str | None
    base: str | None
    name: str
    family: str | None
    tool_version: str
    facts: SourceFacts = NOT_KNOWN
    claims: tuple[Claim, ...] = ()


def origin_json(origin: Origin) -> dict[str, Any]:
    """Return an origin in JSON's types."""
    values = origin._asdict()
    values["facts"] = asdict(origin.facts)
    values["claims"] = [asdict(claim) for claim in origin.claims]
    return values


def origin_from(values: dict[str, Any]) -> Origin:
    """Return the origin that `origin_json` wrote, of an older registry too.

    Raises ValueError, TypeError, KeyError or AttributeError for anything else.
    """
    claims = [
        Claim(Claimed(row["claim"]), str(row["value"]), Claimant(row["made_by"]))
        for row in values.get("claims", ())
    ]
    facts = SourceFacts(**values.get("facts", {}))
    return Origin(**{**values, "facts": facts, "claims": tuple(claims)})
