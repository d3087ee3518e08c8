"""Registered models and their families: find, list, remove."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, exists, func, or_, select, text
from sqlalchemy.orm import Session

from registry.database.rows import columns
from registry.database.schema import Family, Model
from registry.errors import ModelAmbiguous, ModelNotFound
from registry.fingerprints.record import VERSION


@dataclass(frozen=True)
class Summary:
    """A registered model without its statistics."""

    name: str
    kind: str
    family: str
    source: str
    revision: str | None
    declared_base: str | None
    architecture: str
    dtype: str
    parameters: int
    layers: int
    hidden_size: int
    digest: str
    fingerprint_version: int
    tool_version: str
    ingested_at: datetime


@dataclass(frozen=True)
class FamilySummary:
    """A family and the names of its models."""

    name: str
    models: tuple[str, ...]


def wait_for_others(session: Session) -> None:
    """One writer at a time: what is held from here to the transaction's end takes milliseconds."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('registry.models'))"))


def family_id(session: Session, name: str) -> int:
    """The id of a family, created if it is new."""
    found = session.scalar(select(Family.id).where(Family.name == name))
    if found is None:
        family = Family(name=name)
        session.add(family)
        session.flush()
        found = family.id
    return found


def inherited_family(session: Session, base: str | None) -> str | None:
    """The family of the declared base if it is registered, else the base's own name."""
    registered = session.scalar(select(Family.name).join(Model).where(Model.name == base))
    return registered or base


def with_digest(session: Session, digest: str) -> Summary | None:
    """The registered model with exactly these weights."""
    model = of_digest(session, digest)
    return summary(model) if model else None


def of_digest(session: Session, digest: str) -> Model | None:
    """The row of the model with exactly these weights."""
    return session.scalar(
        select(Model).where(Model.digest == digest, Model.fingerprint_version == VERSION)
    )


def is_registered(session: Session, name: str) -> bool:
    """Return whether a model bears exactly this name."""
    own = (Model.name == name, Model.fingerprint_version == VERSION)
    return bool(session.scalar(select(exists().where(*own))))


def summary_of(session: Session, name: str) -> Summary:
    """Return a model by its name or the start of its digest. Raises ModelNotFound, ModelAmbiguous.

    Reads one row; `fingerprints.load` reads all matrices of a model, too.
    """
    return summary(find(session, name))


def find(session: Session, name: str) -> Model:
    """A model by its name or by the start of its digest (8 digits at least).

    Raises ModelNotFound, ModelAmbiguous.
    """
    current = select(Model).where(Model.fingerprint_version == VERSION)
    match = Model.name == name
    if len(name) >= 8:  # noqa: PLR2004
        match = or_(match, Model.digest.startswith(name.lower(), autoescape=True))
    found = session.scalars(current.where(match)).all()
    if not found:
        raise ModelNotFound(name=name)
    exact = [model for model in found if model.name == name] or found
    if len(exact) > 1:
        raise ModelAmbiguous(name=name, candidates=", ".join(sorted(model.name for model in exact)))
    return exact[0]


def summary(model: Model) -> Summary:
    """A row as the record that leaves this module."""
    own = columns(model, Summary)
    return Summary(family=model.family.name, **own)


def listing(session: Session) -> list[Summary]:
    """All registered models of this fingerprint version, by family and name."""
    query = (
        select(Model)
        .join(Family)
        .where(Model.fingerprint_version == VERSION)
        .order_by(Family.name, Model.name)
    )
    return [summary(model) for model in session.scalars(query)]


def families(session: Session) -> list[FamilySummary]:
    """All families with the names of their models."""
    names = func.array_agg(Model.name.op("ORDER BY")(Model.name))
    query = select(Family.name, names).join(Model).group_by(Family.name).order_by(Family.name)
    return [FamilySummary(name, tuple(models)) for name, models in session.execute(query)]


def remove(session: Session, name: str) -> Summary:
    """Delete a model, and its family if it was the last of it. Raises ModelNotFound."""
    wait_for_others(session)
    model = find(session, name)
    gone = summary(model)
    session.delete(model)
    session.flush()
    session.execute(
        delete(Family).where(
            Family.name == gone.family, ~exists().where(Model.family_id == Family.id)
        )
    )
    return gone
