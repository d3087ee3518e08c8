"""Models with fingerprints of another version, and what became of them: sentences and JSON."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from registry.fingerprints.record import VERSION

if TYPE_CHECKING:
    from registry.workflows.upgrade import Upgraded

EMPTY = (
    "the registry is empty: `registry ingest SOURCE...` registers models,"
    " `registry ingest --well-known` 300 open ones that the hub has"
)
NOTHING_OLD = f"all fingerprints are of version {VERSION}"


def not_compared_lines(counts: Mapping[int, int]) -> list[str]:
    """Return a sentence for every version whose models are not compared: how many, what to do."""
    lines = []
    for version, count in counts.items():
        remedy = "run `registry upgrade`" if version < VERSION else "upgrade this package"
        if count == 1:
            subject = f"1 model has a fingerprint of version {version} and is"
        else:
            subject = f"{count} models have fingerprints of version {version} and are"
        lines.append(f"{subject} not compared with others: {remedy}")
    return lines


def not_compared_json(counts: Mapping[int, int]) -> dict[str, Any]:
    """Return the key that answers share: models that are not compared, by fingerprint version."""
    by_version = {str(version): count for version, count in counts.items()}
    return {"not_compared": by_version}


def upgraded_line(upgraded: "Upgraded") -> str:
    """Return what became of one model, as a sentence."""
    model = upgraded.model
    before = f"fingerprint of version {upgraded.version_before}"
    if upgraded.error:
        return f"{model.name}: {upgraded.outcome.value}, {before} kept: {upgraded.error}"
    if model.compared:
        return f"{model.name}: refreshed, {before} replaced by version {model.fingerprint_version}"
    return f"{model.name}: {before}, its source is there: {model.source}"


def upgraded_json(upgraded: "Upgraded") -> dict[str, Any]:
    """Return what became of one model, as `registry upgrade --json` gives it."""
    return {
        "outcome": upgraded.outcome.value,
        "version_before": upgraded.version_before,
        "error": str(upgraded.error) if upgraded.error else None,
        **asdict(upgraded.model),
    }
