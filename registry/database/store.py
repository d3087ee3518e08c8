"""Models go into the database and come out again, as frozen records."""

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exists, func, insert, or_, select, text
from sqlalchemy.orm import Session

from registry.database.schema import (
    AdapterRow,
    BranchRow,
    CharacteristicRow,
    ClusteringRow,
    Family,
    FingerprintRow,
    HistogramRow,
    MatrixRow,
    Model,
    OutlineRow,
    SpaceRow,
    VerdictRow,
)
from registry.errors import ModelAmbiguous, ModelNotFound, NameTaken, NoVerdict
from registry.fingerprints.record import VERSION, Adapter, Branch, Clustering, Fingerprint, Histogram, Matrix, Space

if TYPE_CHECKING:
    from registry.characteristic.groups import Characteristic, Comparison
    from registry.checkpoints import Checkpoint
    from registry.lineage.verdict import Verdict


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


def save(
    session: Session,
    checkpoint: "Checkpoint",
    fingerprint: Fingerprint,
    tool_version: str,
    family: str | None,
    name: str,
) -> tuple[Summary, int | None]:
    """Store a model; returns its summary, and the rank that the same weights were stored with before, if they were.

    The same weights are never stored twice; of a larger rank, their spectra and clusterings take the old ones' place.
    Runs in the session's transaction. Raises NameTaken.
    """
    wait_for_others(session)
    known = of_digest(session, fingerprint.digest)
    if known:
        before = known.fingerprint.rank
        if before < fingerprint.rank or (before == fingerprint.rank and lacks(known, fingerprint)):
            deepen(session, known, fingerprint)
        return summary(known), before
    if session.scalar(select(exists().where(Model.name == name, Model.fingerprint_version == VERSION))):
        raise NameTaken(name=name)
    model = Model(
        name=name,
        kind=fingerprint.kind,
        family_id=family_id(session, family or inherited_family(session, checkpoint.base) or name),
        source=checkpoint.source,
        revision=checkpoint.revision,
        declared_base=checkpoint.base,
        fingerprint_version=fingerprint.version,
        tool_version=tool_version,
        **shared(fingerprint, Model),
    )
    model.fingerprint = FingerprintRow(**shared(fingerprint, FingerprintRow))
    if fingerprint.adapter:
        model.adapter = AdapterRow(**shared(fingerprint.adapter, AdapterRow))
    session.add(model)
    session.flush()
    add_spectra(session, model, fingerprint)
    return summary(model), None


def lacks(known: Model, fingerprint: Fingerprint) -> bool:
    """Whether a model was stored before there were sketches, or histograms, that are at hand now."""
    return known.outline is None or len(known.histograms) < len(fingerprint.histograms)


def add_spectra(session: Session, model: Model, fingerprint: Fingerprint) -> None:
    """Store what depends on the rank, and the sketches, which models stored before 0005 lack."""
    model.clusterings = [
        ClusteringRow(shares=c.vector, **shared(c, ClusteringRow, without=("vector",))) for c in fingerprint.clusterings
    ]
    rows = [{"model_id": model.id, "position": i, **asdict(m)} for i, m in enumerate(fingerprint.matrices)]
    session.execute(insert(MatrixRow), rows)
    model.cast_digest = fingerprint.cast_digest
    model.fingerprint.vocabulary = fingerprint.vocabulary
    model.branches = [BranchRow(**shared(each, BranchRow)) for each in fingerprint.branches]
    model.spaces = [SpaceRow(**shared(each, SpaceRow)) for each in fingerprint.spaces]
    model.histograms = [HistogramRow(**shared(each, HistogramRow)) for each in fingerprint.histograms]
    from registry.lineage.features import KINDS, Sketches  # noqa: PLC0415  # torch comes with it

    sketches = Sketches.of(fingerprint.branches)
    model.outline = OutlineRow(start=fingerprint.start, **{kind: sketches.outline(kind) for kind in KINDS})


def deepen(session: Session, model: Model, fingerprint: Fingerprint) -> None:
    """Give a stored model the larger rank of another fingerprint of the same weights."""
    model.fingerprint.rank = fingerprint.rank
    for table in (MatrixRow, ClusteringRow, BranchRow, SpaceRow, OutlineRow, HistogramRow):
        session.execute(delete(table).where(table.model_id == model.id))
    session.expire(model, ["clusterings", "matrices", "branches", "spaces", "outline", "histograms"])
    add_spectra(session, model, fingerprint)


def wait_for_others(session: Session) -> None:
    """One writer at a time: what is held from here to the transaction's end takes milliseconds."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('registry.models'))"))


def shared(record: Any, table: type, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The fields of a record that the table has a column for."""
    columns = table.__table__.columns.keys()  # type: ignore[attr-defined]
    return {f.name: getattr(record, f.name) for f in fields(record) if f.name in columns and f.name not in without}


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
    return session.scalar(select(Model).where(Model.digest == digest, Model.fingerprint_version == VERSION))


def find(session: Session, name: str) -> Model:
    """A model by its name or by the start of its digest (8 digits at least). Raises ModelNotFound, ModelAmbiguous."""
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


def load(session: Session, name: str) -> tuple[Summary, Fingerprint]:
    """A registered model with its whole fingerprint, equal to what was stored. Raises ModelNotFound."""
    model = find(session, name)
    own = {**columns(model, Fingerprint), **columns(model.fingerprint, Fingerprint)}
    return summary(model), Fingerprint(
        **own,
        version=model.fingerprint_version,
        clusterings=tuple(
            Clustering(**{**columns(row, Clustering), "vector": row.shares}) for row in model.clusterings
        ),
        matrices=tuple(Matrix(**columns(row, Matrix)) for row in model.matrices),
        adapter=Adapter(**columns(model.adapter, Adapter)) if model.adapter else None,
        branches=tuple(Branch(**columns(row, Branch)) for row in model.branches),
        spaces=tuple(Space(**columns(row, Space)) for row in model.spaces),
        start=model.outline.start if model.outline else None,
        histograms=tuple(Histogram(**columns(row, Histogram)) for row in model.histograms),
    )


def keep_verdict(session: Session, name: str, verdict: "Verdict") -> None:
    """Store what was said of a model, in place of what was said before."""
    model = find(session, name)
    own = shared(verdict, VerdictRow, without=("evidence",))
    model.verdict = VerdictRow(**own, base=verdict.model, evidence=[asdict(line) for line in verdict.evidence])


def kept_verdict(session: Session, name: str) -> tuple[Summary, "Verdict", datetime]:
    """What was said of a registered model, and when. Raises ModelNotFound, NoVerdict."""
    from registry.lineage.verdict import Evidence, Verdict  # noqa: PLC0415  # torch and scipy come with it

    model = find(session, name)
    row = model.verdict
    if row is None:
        raise NoVerdict(name=model.name)
    own = columns(row, Verdict) | {"model": row.base, "evidence": tuple(Evidence(**line) for line in row.evidence)}
    return summary(model), Verdict(**own), row.judged_at


def keep_characteristic(session: Session, name: str, found: "Characteristic") -> None:
    """Store a model's groups at one rank with what decided, in place of what was there."""
    model = find(session, name)
    session.execute(
        delete(CharacteristicRow).where(CharacteristicRow.model_id == model.id, CharacteristicRow.rank == found.rank)
    )
    own = [{"referenced": group.referenced, "projection": group.referenced, "member": True} for group in found.groups]
    rows = own + [compared(each) for each in found.comparisons]
    session.add_all(CharacteristicRow(model_id=model.id, rank=found.rank, **row) for row in rows)


def compared(each: "Comparison") -> dict[str, Any]:
    """A comparison as a row."""
    law, pareto = each.law, each.law.pareto
    numbers = {"shape": pareto.shape, "location": pareto.location, "scale": pareto.scale, "ks": law.ks}
    decided = {"law": law.law, "distances": law.count, "mean": law.mean, "power_over_normal": law.power_over_normal}
    return {"referenced": each.referenced, "projection": each.projection, "member": each.member, **decided, **numbers}


def columns(row: Any, record: type) -> dict[str, Any]:
    """The columns of a row that the record has a field for."""
    names = {f.name for f in fields(record)}
    return {column: getattr(row, column) for column in row.__table__.columns.keys() if column in names}  # noqa: SIM118


def summary(model: Model) -> Summary:
    """A row as the record that leaves this module."""
    own = columns(model, Summary)
    return Summary(family=model.family.name, **own)


def listing(session: Session) -> list[Summary]:
    """All registered models of this fingerprint version, by family and name."""
    query = select(Model).join(Family).where(Model.fingerprint_version == VERSION).order_by(Family.name, Model.name)
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
    session.execute(delete(Family).where(Family.name == gone.family, ~exists().where(Model.family_id == Family.id)))
    return gone
