"""Models go into the database and come out again, as frozen records."""

from dataclasses import asdict, fields
from enum import Enum
from typing import NamedTuple

from sqlalchemy import delete, exists, func, insert, select
from sqlalchemy.orm import Session

from registry.database.models import (
    Summary,
    family_id,
    find,
    inherited_family,
    is_registered,
    of_digest,
    summary,
    wait_for_others,
)
from registry.database.rows import columns, shared
from registry.database.schema import (
    AdapterRow,
    BranchRow,
    ClusteringRow,
    FingerprintRow,
    HistogramRow,
    MatrixRow,
    Model,
    OutlineRow,
    SpaceRow,
)
from registry.database.wire import halves, numbers
from registry.errors import NameTaken
from registry.fingerprints.outline import outline
from registry.fingerprints.projection_vector import ProjectionVector
from registry.fingerprints.record import (
    VERSION,
    Adapter,
    Branch,
    Clustering,
    Fingerprint,
    Histogram,
    Matrix,
    Space,
)
from registry.lineage.features import SPECTRUM_RANK, ComparedMatrix, ComparedModel


class Outcome(Enum):
    """What became of a fingerprint that was to be stored."""

    NEW = "new"
    """The weights were not registered."""
    DEEPENED = "deepened"
    """They were, with fewer singular values than now."""
    COMPLETED = "completed"
    """They were, and gained sketches, histograms or bounds that an older registry left out."""
    UNCHANGED = "unchanged"
    """They were, with all of this; nothing was written."""


class Origin(NamedTuple):
    """Where a fingerprint comes from, and what to register it as.

    base: the model that the checkpoint says it was made from. family: None for that of the base,
    else the model's own.
    """

    source: str
    revision: str | None
    base: str | None
    name: str
    family: str | None
    tool_version: str


class Saved(NamedTuple):
    """A stored model.

    rank_before: what the same weights were stored with before; None where they are new.
    """

    summary: Summary
    outcome: Outcome
    rank_before: int | None


def save(session: Session, origin: Origin, fingerprint: Fingerprint) -> Saved:
    """Store a model in the session's transaction. Raises NameTaken.

    The same weights are never stored twice. Of a larger rank, or with parts that the stored ones
    lack, their spectra,
    clusterings and sketches take the old ones' place.
    """
    wait_for_others(session)
    known = of_digest(session, fingerprint.digest)
    if known is None:
        model = add(session, origin, fingerprint)
        return Saved(summary(model), Outcome.NEW, None)

    rank_before = known.fingerprint.rank
    outcome = outcome_of(session, known, fingerprint)
    if outcome is not Outcome.UNCHANGED:
        replace_spectra(session, known, fingerprint)
    return Saved(summary(known), outcome, rank_before)


def outcome_of(session: Session, known: Model, fingerprint: Fingerprint) -> Outcome:
    """Return what a fingerprint brings to a stored model of the same weights."""
    rank = known.fingerprint.rank
    if rank < fingerprint.rank:
        return Outcome.DEEPENED
    if rank == fingerprint.rank and lacks(session, known, fingerprint):
        return Outcome.COMPLETED
    return Outcome.UNCHANGED


def lacks(session: Session, known: Model, fingerprint: Fingerprint) -> bool:
    """Return whether a model was stored before there were parts that are at hand now."""
    if known.outline is None or len(known.histograms) < len(fingerprint.histograms):
        return True
    boundless = exists().where(MatrixRow.model_id == known.id, MatrixRow.bounds.is_(None))
    return fingerprint.error is not None and bool(session.scalar(select(boundless)))


def add(session: Session, origin: Origin, fingerprint: Fingerprint) -> Model:
    """Store weights that are new. Raises NameTaken."""
    if is_registered(session, origin.name):
        raise NameTaken(name=origin.name)
    family = origin.family or inherited_family(session, origin.base) or origin.name
    model = Model(
        name=origin.name,
        kind=fingerprint.kind,
        family_id=family_id(session, family),
        source=origin.source,
        revision=origin.revision,
        declared_base=origin.base,
        fingerprint_version=fingerprint.version,
        tool_version=origin.tool_version,
        **shared(fingerprint, Model),
    )
    model.fingerprint = FingerprintRow(**shared(fingerprint, FingerprintRow))
    if fingerprint.adapter:
        model.adapter = AdapterRow(**shared(fingerprint.adapter, AdapterRow))
    session.add(model)
    session.flush()
    add_spectra(session, model, fingerprint)
    return model


def add_spectra(session: Session, model: Model, fingerprint: Fingerprint) -> None:
    """Store what depends on the rank, and the sketches, which models stored before 0005 lack."""
    model.clusterings = [
        ClusteringRow(shares=c.vector, **shared(c, ClusteringRow, without=("vector",)))
        for c in fingerprint.clusterings
    ]
    rows = [
        {"model_id": model.id, "position": i, **asdict(m)}
        for i, m in enumerate(fingerprint.matrices)
    ]
    session.execute(insert(MatrixRow), rows)
    model.cast_digest = fingerprint.cast_digest
    model.fingerprint.vocabulary = fingerprint.vocabulary
    model.branches = [BranchRow(**shared(each, BranchRow)) for each in fingerprint.branches]
    model.spaces = [SpaceRow(**shared(each, SpaceRow)) for each in fingerprint.spaces]
    model.histograms = [
        HistogramRow(**shared(each, HistogramRow)) for each in fingerprint.histograms
    ]
    model.outline = OutlineRow(**shared(outline(fingerprint), OutlineRow))


def replace_spectra(session: Session, model: Model, fingerprint: Fingerprint) -> None:
    """Replace what depends on the rank, and the sketches, by those of a new fingerprint."""
    model.fingerprint.rank = fingerprint.rank
    for table in (MatrixRow, ClusteringRow, BranchRow, SpaceRow, OutlineRow, HistogramRow):
        session.execute(delete(table).where(table.model_id == model.id))
    session.expire(
        model, ["clusterings", "matrices", "branches", "spaces", "outline", "histograms"]
    )
    add_spectra(session, model, fingerprint)


class Stored(NamedTuple):
    """A registered model and its whole fingerprint."""

    summary: Summary
    fingerprint: Fingerprint


def load(session: Session, name: str) -> Stored:
    """Return a registered model with its whole fingerprint, equal to what was stored.

    Raises ModelNotFound.
    """
    model = find(session, name)
    own = {**columns(model, Fingerprint), **columns(model.fingerprint, Fingerprint)}
    own["std"] = ProjectionVector(*model.fingerprint.std)
    fingerprint = Fingerprint(
        **own,
        version=model.fingerprint_version,
        clusterings=tuple(
            Clustering(**{**columns(row, Clustering), "vector": ProjectionVector(*row.shares)})
            for row in model.clusterings
        ),
        matrices=tuple(Matrix(**columns(row, Matrix)) for row in model.matrices),
        adapter=Adapter(**columns(model.adapter, Adapter)) if model.adapter else None,
        branches=tuple(Branch(**columns(row, Branch)) for row in model.branches),
        spaces=tuple(Space(**columns(row, Space)) for row in model.spaces),
        start=model.outline.start if model.outline else None,
        histograms=tuple(Histogram(**columns(row, Histogram)) for row in model.histograms),
    )
    return Stored(summary(model), fingerprint)


def compared_model(session: Session, name: str) -> ComparedModel:
    """Return what a comparison reads of a registered model, and its family.

    Sixteen times as fast as the whole fingerprint: arrays come in the bytes that the server holds.
    """
    query = select(Model, FingerprintRow)
    query = query.join(FingerprintRow, FingerprintRow.model_id == Model.id)
    query = query.where(Model.name == name, Model.fingerprint_version == VERSION)
    model, fingerprint = session.execute(query).one()
    return ComparedModel(
        digest=model.digest,
        cast_digest=model.cast_digest,
        dtype=model.dtype,
        stored=fingerprint.stored,
        vocabulary=fingerprint.vocabulary,
        projections=fingerprint.projections,
        std=fingerprint.std,
        matrices=compared_matrices(session, model.id),
        branches=branches_of(session, model.id),
        family=model.family.name,
    )


def compared_matrices(session: Session, model: int) -> tuple[ComparedMatrix, ...]:
    """Return what a comparison reads of a model's matrices, in their order."""
    arrays = ("singular_values", "sketch")
    names = [field.name for field in fields(ComparedMatrix) if field.name not in arrays]
    query = select(
        *(getattr(MatrixRow, name) for name in names),
        func.array_send(MatrixRow.singular_values[1:SPECTRUM_RANK]),
        func.array_send(MatrixRow.sketch),
    )
    query = query.where(MatrixRow.model_id == model).order_by(MatrixRow.position)

    matrices = []
    for *values, singular_values, sketch in session.execute(query):
        matrices.append(
            ComparedMatrix(
                **dict(zip(names, values, strict=True)),
                singular_values=numbers(singular_values, 8),
                sketch=numbers(sketch, 4),
            )
        )
    return tuple(matrices)


def branches_of(session: Session, model: int) -> tuple[Branch, ...]:
    """The branches' sketches of a model."""
    sent = [func.halfvec_send(column) for column in (BranchRow.stream, BranchRow.token)]
    query = select(BranchRow.layer, BranchRow.branch, *sent).where(BranchRow.model_id == model)
    rows = session.execute(query.order_by(BranchRow.layer, BranchRow.branch))
    return tuple(Branch(layer, branch, *map(halves, sketches)) for layer, branch, *sketches in rows)
