"""From a source or a registered model to its page: what `--report` and `registry report` do."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from registry.errors import ModelNotFound
from registry.fingerprints.record import Fingerprint
from registry.report.page import page

if TYPE_CHECKING:
    from registry.database.models import Summary
    from registry.lineage.verdict import Verdict
    from registry.workflows.identify import Identification

Find = Callable[[str], Fingerprint]
"""Gives a registered model's fingerprint by its name."""


def identified(found: "Identification", find: Find, version: str) -> str:
    """The page of a source that was identified."""
    facts = {
        "source": found.source,
        **of_fingerprint(found.fingerprint),
        "registry": version,
        "drawn up": now(),
    }
    return page(
        found.source,
        found.verdict,
        [("this", found.fingerprint), *beside(found.verdict, find)],
        matches=found.matches,
        facts=facts,
        command=f"registry identify {found.source} --report page.html",
    )


def explained(
    model: "Summary", fingerprint: Fingerprint, verdict: "Verdict", judged_at: datetime, find: Find
) -> str:
    """The page of a registered model, with the verdict that was stored with it."""
    facts = {
        "source": model.source,
        **({"revision": model.revision} if model.revision else {}),
        **of_fingerprint(fingerprint),
        "registry": model.tool_version,
        "judged at": f"{judged_at:%Y-%m-%d %H:%M}",
    }
    named = [(model.name, fingerprint), *beside(verdict, find)]
    return page(
        model.name,
        verdict,
        named,
        facts=facts,
        command=f"registry report {model.name} -o page.html",
    )


def beside(verdict: "Verdict", find: Find) -> list[tuple[str, Fingerprint]]:
    """What the verdict names, if that is still registered."""
    try:
        return [(verdict.model, find(verdict.model))] if verdict.model else []
    except ModelNotFound:
        return []


def of_fingerprint(fingerprint: Fingerprint) -> dict[str, Any]:
    """What was measured."""
    stored = f", stored as {fingerprint.stored}" if fingerprint.stored else ""
    return {
        "model": f"{fingerprint.architecture}, {fingerprint.layers} layers x {fingerprint.hidden_size}",
        "weights": f"{fingerprint.parameters:,} in {fingerprint.dtype}{stored}",
        "digest": fingerprint.digest,
        "singular values": f"{fingerprint.rank} of each matrix, relative error at most {fingerprint.error or 0:.1g}",
        "fingerprint version": fingerprint.version,
    }


def now() -> str:
    """The time of day, in UTC."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
