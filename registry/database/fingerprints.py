"""Models go into the database and come out again, as frozen records."""

from collections.abc import Sequence
from dataclasses import asdict
from enum import Enum
from typing import Any, NamedTuple

from sqlalchemy import delete, exists, insert, select
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
from registry.database.rows import column_values, field_values, records_of, rows_of
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
    TensorRow,
)
from registry.errors import NameTaken
from registry.fingerprints.outline import outline
from registry.fingerprints.projection_vector import ProjectionVector
from registry.fingerprints.record import (
    Adapter,
    Branch,
    Clustering,
    Fingerprint,
    Histogram,
    Matrix,
    Space,
    Tensor,
)

REPLACED: dict[Any, str] = {
    MatrixRow: "matrices",
    ClusteringRow: "clusterings",
    BranchRow: "branches",
    SpaceRow: "spaces",
    OutlineRow: "outline",
    HistogramRow: "histograms",
    TensorRow: "tensors",
}
"""Tables whose rows a deeper fingerprint replaces, and a model's attributes that hold them."""


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
    lack, their spectra, clusterings and sketches take the old ones' place.
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
    if fingerprint.error is None:
        return False

    boundless = exists().where(MatrixRow.model_id == known.id)
    boundless = boundless.where(MatrixRow.bounds.is_(None))
    return bool(session.scalar(select(boundless)))


def add(session: Session, origin: Origin, fingerprint: Fingerprint) -> Model:
    """Store weights that are new. Raises NameTaken."""
    if is_registered(session, origin.name):
        raise NameTaken(name=origin.name)

    inherited = origin.family or inherited_family(session, origin.base)
    family = family_id(session, inherited or origin.name)
    model = Model(
        name=origin.name,
        kind=fingerprint.kind,
        family_id=family,
        source=origin.source,
        revision=origin.revision,
        declared_base=origin.base,
        fingerprint_version=fingerprint.version,
        tool_version=origin.tool_version,
        **column_values(fingerprint, Model),
    )
    model.fingerprint = FingerprintRow(**column_values(fingerprint, FingerprintRow))
    if fingerprint.adapter:
        model.adapter = AdapterRow(**column_values(fingerprint.adapter, AdapterRow))
    session.add(model)
    session.flush()
    add_spectra(session, model, fingerprint)
    return model


def add_spectra(session: Session, model: Model, fingerprint: Fingerprint) -> None:
    """Store what depends on the rank, and the sketches, which models stored before 0005 lack."""
    model.clusterings = [clustering_row(clustering) for clustering in fingerprint.clusterings]
    add_numbered(session, model, MatrixRow, fingerprint.matrices)
    add_numbered(session, model, TensorRow, fingerprint.tensors)
    model.cast_digest = fingerprint.cast_digest
    model.fingerprint.vocabulary = fingerprint.vocabulary
    model.fingerprint.zero = fingerprint.zero
    model.fingerprint.tied = fingerprint.tied
    model.branches = rows_of(fingerprint.branches, BranchRow)
    model.spaces = rows_of(fingerprint.spaces, SpaceRow)
    model.histograms = rows_of(fingerprint.histograms, HistogramRow)
    model.outline = OutlineRow(**column_values(outline(fingerprint), OutlineRow))


def clustering_row(clustering: Clustering) -> ClusteringRow:
    """Return the row of a clustering, whose column `vector` the server computes from the shares."""
    values = column_values(clustering, ClusteringRow, without=("vector",))
    return ClusteringRow(shares=clustering.vector, **values)


def add_numbered(
    session: Session, model: Model, table: type[MatrixRow | TensorRow], records: Sequence[Any]
) -> None:
    """Store records with their positions in one statement, without an object for each."""
    rows = []
    for position, record in enumerate(records):
        row = {"model_id": model.id, "position": position, **asdict(record)}
        rows.append(row)
    if rows:
        session.execute(insert(table), rows)


def replace_spectra(session: Session, model: Model, fingerprint: Fingerprint) -> None:
    """Replace what depends on the rank, and the sketches, by those of a new fingerprint."""
    model.fingerprint.rank = fingerprint.rank
    for table in REPLACED:
        session.execute(delete(table).where(table.model_id == model.id))
    session.expire(model, REPLACED.values())
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
    values = field_values(model, Fingerprint) | field_values(model.fingerprint, Fingerprint)
    values["std"] = ProjectionVector(*model.fingerprint.std)
    fingerprint = Fingerprint(
        **values,
        version=model.fingerprint_version,
        clusterings=tuple(map(clustering_of, model.clusterings)),
        matrices=records_of(model.matrices, Matrix),
        adapter=adapter_of(model),
        branches=records_of(model.branches, Branch),
        spaces=records_of(model.spaces, Space),
        start=model.outline.start if model.outline else None,
        histograms=records_of(model.histograms, Histogram),
        tensors=records_of(model.tensors, Tensor),
    )
    return Stored(summary(model), fingerprint)


def clustering_of(row: ClusteringRow) -> Clustering:
    """Return the clustering of a row."""
    values = field_values(row, Clustering)
    values["vector"] = ProjectionVector(*row.shares)
    return Clustering(**values)


def adapter_of(model: Model) -> Adapter | None:
    """Return what only an adapter has; None for a model."""
    row = model.adapter
    return Adapter(**field_values(row, Adapter)) if row else None
