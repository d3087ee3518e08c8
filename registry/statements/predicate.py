"""What is stated of a model, in JSON's types: the predicate of our in-toto statement.

docs/statements.md describes every key. What is not known is left out, never null and never made up.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from registry.legible import json_legible
from registry.lineage.verdict import Change, Evidence, Verdict
from registry.settings import tool_version
from registry.workflows.account import Account
from registry.workflows.account_lines import Kin, Place

TYPE = "urn:weight-registry:lineage/v1"
"""Of the predicate; its last part rises when a key changes its meaning or goes."""
TOOL = "weight-registry"
SPACE = uuid.uuid5(uuid.NAMESPACE_URL, TYPE)


@dataclass(frozen=True)
class Stamp:
    """When a statement was made, and by which version of the tool."""

    at: datetime
    version: str

    @property
    def text(self) -> str:
        """The time in UTC, to the second, as all forms write it."""
        return in_utc(self.at)


def stamp(account: Account, source_date: datetime | None) -> Stamp:
    """Return the stamp of a statement: the same every time, where anything gives a time.

    Args:
        source_date: SOURCE_DATE_EPOCH; None takes the time of the verdict, or now where it is
            given now.
    """
    at = source_date or account.judged_at or datetime.now(UTC)
    return Stamp(at, tool_version())


def in_utc(time: datetime) -> str:
    """Return a time in UTC, to the second."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def predicate(account: Account, made: Stamp) -> dict[str, Any]:
    """Return what is stated of a model."""
    lines = account.lines
    return known(
        {
            "tool": {
                "name": TOOL,
                "version": made.version,
                "fingerprintVersion": account.fingerprint_version,
            },
            "statedAt": made.text,
            "model": model_of(account),
            "verdict": verdict_of(account),
            "ancestors": [kin_of(kin) for kin in lines.ancestors],
            "descendants": [kin_of(kin) for kin in lines.descendants],
            "variants": [kin_of(kin) for kin in lines.variants],
            "evidence": [evidence_of(line) for line in account.verdict.evidence],
        }
    )


def known(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of an object: no nulls and no empty texts, lists or objects."""
    return {key: value for key, value in content.items() if is_known(value)}


def is_known(value: object) -> bool:
    """Return whether a value says something."""
    is_empty = isinstance(value, str | list | dict) and not value
    return value is not None and not is_empty


def model_of(account: Account) -> dict[str, Any]:
    """Return what the model is."""
    return known(
        {
            "name": account.name,
            "kind": account.kind,
            "family": account.family,
            "architecture": account.architecture,
            "dtype": account.dtype,
            "parameters": account.parameters,
            "layers": account.layers,
            "hiddenSize": account.hidden_size,
            "weightsDigest": account.digest,
            "source": place_of(account.place),
            "claimedLicences": list(account.licences),
            "claimedBases": list(account.bases),
        }
    )


def place_of(place: Place | None) -> dict[str, Any] | None:
    """Return where a model can be had; a path means nothing on another machine."""
    if place is None or place.hub_id is None:
        return None
    return known({"hubId": place.hub_id, "revision": place.revision, "address": place.address})


def verdict_of(account: Account) -> dict[str, Any]:
    """Return the verdict: how the model is related to the nearest of those that are registered.

    Which of the two came first is said by where that one is listed. `chance` is family-wise over
    the candidates.
    """
    verdict = account.verdict
    return known(
        {
            "relation": str(verdict.verdict),
            "nearest": verdict.model,
            "family": verdict.family,
            "closest": verdict.closest,
            "judgedAt": account.judged_at and in_utc(account.judged_at),
            "grade": str(verdict.grade),
            "candidates": verdict.candidates,
            "score": verdict.score,
            "pValue": verdict.p_value,
            "chance": verdict.chance,
            "direction": direction_of(verdict),
            "changes": changes_of(verdict.changes),
        }
    )


def direction_of(verdict: Verdict) -> dict[str, Any] | None:
    """Return which of the two came first as the weights alone show it."""
    shown = verdict.direction
    if shown is None:
        return None
    content = {"descent": shown.descent, "reason": shown.reason, "origin": shown.origin}
    return {key: str(value) for key, value in content.items() if value is not None}


def kin_of(kin: Kin) -> dict[str, Any]:
    """Return a relative, and what it comes from itself."""
    model = kin.model
    return known(
        {
            "name": kin.name,
            "weightsDigest": model and model.digest,
            "fingerprintVersion": model and model.fingerprint_version,
            "source": place_of(kin.place),
            "relation": str(kin.relation),
            "direction": str(kin.basis),
            "reason": kin.reason and str(kin.reason),
            "directionError": kin.direction_error,
            "main": kin.main,
            "pValue": kin.p_value,
            "score": kin.score,
            "explained": kin.explained,
            "changes": changes_of(kin.changes),
            "ancestors": [kin_of(above) for above in kin.ancestors],
        }
    )


def changes_of(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Return changes with their amounts and parts."""
    contents = []
    for change in changes:
        content = {
            "kind": str(change.kind),
            "amount": change.amount,
            "parts": list(change.parts),
            "shares": [float(share) for share in change.shares],
        }
        contents.append(known(content))
    return contents


def evidence_of(line: Evidence) -> dict[str, Any]:
    """Return a line of evidence with its null."""
    return known(
        {
            "kind": str(line.kind),
            "value": line.value,
            "null": line.null,
            "pValue": line.p_value,
            "closer": line.direction and str(line.direction),
            "strongestUnrelated": line.strongest,
            "unrelatedPairs": line.pairs,
            "count": line.count,
            "total": line.total,
            "model": line.model,
        }
    )


def as_text(document: Mapping[str, Any]) -> str:
    """Return a document as JSON, the same for the same content.

    Characters that would act on a terminal are written as escapes of JSON.
    """
    return json_legible(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def stable_id(*parts: object) -> str:
    """Return a URN that is the same for the same parts."""
    return uuid.uuid5(SPACE, json.dumps(parts, ensure_ascii=True, sort_keys=True)).urn


def package_url(place: Place | None) -> str | None:
    """Return the package URL of a model on the hub; None of any other."""
    if place is None or place.hub_id is None:
        return None
    return f"pkg:huggingface/{quote(place.hub_id)}@{quote(place.revision or '')}"
