"""Where one model comes from, with all that is told of its ancestors, read at one moment."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.database.lineage.edges import STANDS
from registry.database.lineage.trees import Edge, edges_of
from registry.database.lineage.verdicts import kept_verdict
from registry.database.stored.models import CURRENT, Summary, summary
from registry.database.stored.sources import Source, sources_of
from registry.database.tables.schema import EdgeRow, Model
from registry.lineage.verdict import Verdict

GENERATIONS = 64  # that are followed upwards; the tree has no cycles


@dataclass(frozen=True)
class Ancestors:
    """The models that some come from, whoever of them came first.

    Attributes:
        models: All of them and those that were asked for, by name.
        edges: From every one of these to its parents, as the tree stands.
        sources: Where each was seen first, by name; none of those that were never seen.
    """

    models: dict[str, Summary]
    edges: tuple[Edge, ...]
    sources: dict[str, Source]


@dataclass(frozen=True)
class Pedigree:
    """A registered model, the verdict on it, and what it comes from."""

    model: Summary
    verdict: Verdict
    judged_at: datetime
    ancestors: Ancestors


def pedigree(session: Session, name: str, also: Collection[str] = ()) -> Pedigree:
    """Return where a model comes from. Raises ModelNotFound, ModelAmbiguous, NoVerdict.

    Args:
        also: Names of others that are asked for.
    """
    model, verdict, judged_at = kept_verdict(session, name)
    named = {model.name, *related_names(verdict), *also}
    return Pedigree(
        model=model,
        verdict=verdict,
        judged_at=judged_at,
        ancestors=ancestors(session, named),
    )


def related_names(verdict: Verdict) -> set[str]:
    """Return the name of the model that a verdict takes for a relative; nothing of an unknown."""
    return {verdict.model} if verdict.related and verdict.model is not None else set()


def ancestors(session: Session, names: Collection[str]) -> Ancestors:
    """Return what some models come from; names that nobody bears any more are passed over."""
    query = select(Model.id).where(Model.name.in_(names), CURRENT)
    numbers = with_parents(session, set(session.scalars(query)))
    models = {}
    for row in session.scalars(select(Model).where(Model.id.in_(numbers)).order_by(Model.id)):
        models[row.name] = summary(row)
    sources = {}
    for name in models:
        seen = sources_of(session, name)
        if seen:
            sources[name] = seen[0]
    return Ancestors(models, edges_of(session, numbers), sources)


def with_parents(session: Session, numbers: set[int]) -> set[int]:
    """Return some models with all that edges lead to from them, upwards."""
    reached = set(numbers)
    front = set(numbers)
    for _ in range(GENERATIONS):
        query = select(EdgeRow.parent_id).where(EdgeRow.child_id.in_(front), STANDS)
        front = set(session.scalars(query)) - reached
        if not front:
            break
        reached |= front
    return reached
