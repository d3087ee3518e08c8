"""Registered models and their families: find, list, remove."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, exists, func, or_, select, text
from sqlalchemy.orm import Session

from registry.checkpoints.source_names import is_step
from registry.database.stored.names import is_unicode
from registry.database.stored.rows import field_values
from registry.database.tables.schema import Family, Model
from registry.errors import ModelAmbiguous, ModelNotFound
from registry.fingerprints.record import VERSION

CURRENT = Model.fingerprint_version == VERSION
"""Keeps a query to models of the fingerprint version that this package computes."""

NEWEST_FIRST = Model.fingerprint_version.desc()

SHORTEST_DIGEST = 8  # digits of a digest that name a model


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

    @property
    def compared(self) -> bool:
        """Whether the fingerprint is of the version that this package computes and compares."""
        return self.fingerprint_version == VERSION


@dataclass(frozen=True)
class FamilySummary:
    """A family and the names of its models."""

    name: str
    models: tuple[str, ...]


def wait_for_others(session: Session) -> None:
    """Wait until no other transaction writes models, and keep others waiting until this one ends.

    What a transaction does from here on takes milliseconds.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('registry.models'))"))


def family_id(session: Session, name: str) -> int:
    """Return the id of a family, which is created if it is new."""
    number = session.scalar(select(Family.id).where(Family.name == name))
    if number is not None:
        return number

    family = Family(name=name)
    session.add(family)
    session.flush()
    return family.id


def default_family(session: Session, name: str, base: str | None) -> str:
    """Return the family of a model that comes from none that is registered.

    It is that of the declared base if this is registered, else the base's name; without a base the
    model's own name, without a run's folder.
    """
    if base is not None and base != name:
        query = select(Family.name).join(Model).where(Model.name == base)
        return session.scalar(query.order_by(NEWEST_FIRST).limit(1)) or base
    folder, _, last = name.rpartition("/")
    return folder if folder and is_step(last) else name


def with_digest(session: Session, digest: str) -> Summary | None:
    """Return the registered model with exactly these weights; None where none is comparable."""
    model = of_digest(session, digest)
    return summary(model) if model and model.fingerprint_version == VERSION else None


def of_digest(session: Session, digest: str) -> Model | None:
    """Return the row of the model with exactly these weights, of any fingerprint version.

    None where there is none.
    """
    query = select(Model).where(Model.digest == digest)
    return session.scalar(query.order_by(NEWEST_FIRST).limit(1))


def is_registered(session: Session, name: str) -> bool:
    """Return whether a model bears exactly this name, whatever its fingerprint's version."""
    if not is_unicode(name):
        return False
    model = exists().where(Model.name == name)
    return bool(session.scalar(select(model)))


def registered_names(session: Session, names: Collection[str]) -> set[str]:
    """Return those of many names that models bear, whatever their fingerprints' versions."""
    fit = [name for name in names if is_unicode(name)]
    return set(session.scalars(select(Model.name).where(Model.name.in_(fit))))


def none_registered(session: Session) -> bool:
    """Return whether there is no model, of whatever fingerprint version."""
    return not session.scalar(select(exists().where(Model.id.is_not(None))))


def summary_of(session: Session, name: str) -> Summary:
    """Return a model by its name or the start of its digest. Raises ModelNotFound, ModelAmbiguous.

    Reads one row; `fingerprints.load` reads all matrices of a model, too.
    """
    return summary(find(session, name))


def find(session: Session, name: str) -> Model:
    """Return the row of a model by its name or by the start of its digest.

    Its fingerprint may be of an older version. Raises ModelNotFound, ModelAmbiguous.
    """
    if not is_unicode(name):
        raise ModelNotFound(name=name)
    fitting = Model.name == name
    if len(name) >= SHORTEST_DIGEST:
        start = Model.digest.startswith(name.lower(), autoescape=True)
        fitting = or_(fitting, start)
    query = select(Model).where(fitting)
    models = session.scalars(query.order_by(NEWEST_FIRST)).all()

    if not models:
        raise ModelNotFound(name=name)
    for model in models:
        if model.name == name:
            return model
    if len(models) > 1:
        names = sorted(model.name for model in models)
        raise ModelAmbiguous(name=name, candidates=", ".join(names))
    return models[0]


def summary(model: Model) -> Summary:
    """Return a row as the record that leaves this room."""
    values = field_values(model, Summary)
    return Summary(family=model.family.name, **values)


def listing(session: Session) -> list[Summary]:
    """Return all registered models of any fingerprint version, by family and name."""
    query = select(Model).join(Family)
    query = query.order_by(Family.name, Model.name, NEWEST_FIRST)
    return [summary(model) for model in session.scalars(query)]


def current_names(session: Session) -> list[str]:
    """Return the names of all models that are compared, in the order of registration."""
    query = select(Model.name).where(CURRENT)
    return list(session.scalars(query.order_by(Model.id)))


def newest(session: Session, before: int | None = None) -> int:
    """Return the number of the model that was registered last, or last before one; 0 of none."""
    query = select(func.max(Model.id))
    if before is not None:
        query = query.where(Model.id < before)
    return session.scalar(query) or 0


def numbers(session: Session, names: Sequence[str]) -> set[int]:
    """Return the numbers of models that are compared, by their names."""
    query = select(Model.id).where(CURRENT, Model.name.in_(names))
    return set(session.scalars(query))


def names_of_numbers(session: Session, ids: Collection[int]) -> set[str]:
    """Return the names of models by their numbers."""
    return set(session.scalars(select(Model.name).where(Model.id.in_(ids))))


def families(session: Session) -> list[FamilySummary]:
    """Return all families with the names of their models."""
    names = func.array_agg(Model.name.op("ORDER BY")(Model.name))
    query = select(Family.name, names).join(Model)
    query = query.group_by(Family.name).order_by(Family.name)

    families = []
    for name, models in session.execute(query):
        families.append(FamilySummary(name, tuple(models)))
    return families


def drop_empty_families(session: Session, names: Iterable[str]) -> None:
    """Delete those of some families that have no model any more."""
    has_models = exists().where(Model.family_id == Family.id)
    session.execute(delete(Family).where(Family.name.in_(list(names)), ~has_models))
