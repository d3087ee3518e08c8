"""What a model that arrives brings: a verdict, and other models whose verdicts it may change."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from registry.database.searching import near_sketches, nearest
from registry.database.stored import models
from registry.fingerprints.record import Fingerprint
from registry.lineage.verdict import Verdict
from registry.workflows.judge import BY_RECIPE, Judge, verdict_on_adapter


@dataclass(frozen=True)
class Arrival:
    """What a model that arrives brings.

    Attributes:
        verdict: What the registry says of it.
        affected: Models whose verdicts it may change, by name, the nearest first.
        newest: The number of the model that was registered last when it was judged.
    """

    verdict: Verdict
    affected: tuple[str, ...]
    newest: int


def arrival_of(session: Session, fingerprint: Fingerprint) -> Arrival:
    """Judge a model that is to be stored, and look for those that may come from it."""
    newest = models.newest(session)
    if fingerprint.kind == "adapter":
        return Arrival(verdict_on_adapter(session, fingerprint), (), newest)
    matches = nearest.nearest(session, fingerprint, BY_RECIPE)
    judge = Judge.of(session, fingerprint)
    verdict = judge.verdict(matches)
    affected = [relative.model for relative in verdict.relatives]
    affected += judge.alike_in_own_axes
    affected += near_sketches.adapters_of(session, fingerprint)
    return Arrival(verdict, tuple(dict.fromkeys(affected)), newest)
