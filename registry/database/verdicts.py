"""The verdict that was given when a model was ingested."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from registry.database.models import Summary, find, summary
from registry.database.rows import columns, shared
from registry.database.schema import VerdictRow
from registry.errors import NoVerdict

if TYPE_CHECKING:
    from registry.lineage.verdict import Verdict


def keep_verdict(session: Session, name: str, verdict: "Verdict") -> None:
    """Store what was said of a model, in place of what was said before."""
    model = find(session, name)
    own = shared(verdict, VerdictRow, without=("evidence",))
    model.verdict = VerdictRow(
        **own, base=verdict.model, evidence=[asdict(line) for line in verdict.evidence]
    )


def kept_verdict(session: Session, name: str) -> tuple[Summary, "Verdict", datetime]:
    """What was said of a registered model, and when. Raises ModelNotFound, NoVerdict."""
    from registry.lineage.verdict import Evidence, Verdict  # noqa: PLC0415  # torch and scipy come with it

    model = find(session, name)
    row = model.verdict
    if row is None:
        raise NoVerdict(name=model.name)
    own = columns(row, Verdict) | {
        "model": row.base,
        "evidence": tuple(Evidence(**line) for line in row.evidence),
    }
    return summary(model), Verdict(**own), row.judged_at
