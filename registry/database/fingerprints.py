"""Models go into the database and come out again, as frozen records."""

from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, func, insert, select
from sqlalchemy.orm import Session

from registry.database.models import (
    Summary,
    family_id,
    find,
    inherited_family,
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
from registry.fingerprints.projection_vector import ProjectionVector
from registry.fingerprints.record import (
    RANKS,
    VERSION,
    Adapter,
    Branch,
    Clustering,
    Fingerprint,
    Histogram,
    Matrix,
    Space,
)

if TYPE_CHECKING:
    from registry.checkpoints import Checkpoint


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
    if session.scalar(
        select(exists().where(Model.name == name, Model.fingerprint_version == VERSION))
    ):
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
    from registry.lineage.features import KINDS, Sketches  # noqa: PLC0415  # torch comes with it

    sketches = Sketches.of(fingerprint.branches)
    model.outline = OutlineRow(
        start=fingerprint.start, **{kind: sketches.outline(kind) for kind in KINDS}
    )


def deepen(session: Session, model: Model, fingerprint: Fingerprint) -> None:
    """Give a stored model the larger rank of another fingerprint of the same weights."""
    model.fingerprint.rank = fingerprint.rank
    for table in (MatrixRow, ClusteringRow, BranchRow, SpaceRow, OutlineRow, HistogramRow):
        session.execute(delete(table).where(table.model_id == model.id))
    session.expire(
        model, ["clusterings", "matrices", "branches", "spaces", "outline", "histograms"]
    )
    add_spectra(session, model, fingerprint)


def load(session: Session, name: str) -> tuple[Summary, Fingerprint]:
    """A registered model with its whole fingerprint, equal to what was stored. Raises ModelNotFound."""
    model = find(session, name)
    own = {**columns(model, Fingerprint), **columns(model.fingerprint, Fingerprint)}
    own["std"] = ProjectionVector(*model.fingerprint.std)
    return summary(model), Fingerprint(
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


def family_and_fingerprint(session: Session, name: str) -> tuple[str, Fingerprint]:
    """A registered model as far as it is compared: its spectra to the smallest rank, one clustering, no bounds.

    Sixteen times as fast as the whole, for arrays come in the bytes that the server holds.
    """
    model = session.execute(
        select(Model, FingerprintRow, OutlineRow.start, ClusteringRow)
        .join(FingerprintRow, FingerprintRow.model_id == Model.id)
        .join(ClusteringRow, ClusteringRow.model_id == Model.id)
        .outerjoin(OutlineRow, OutlineRow.model_id == Model.id)
        .where(
            Model.name == name, Model.fingerprint_version == VERSION, ClusteringRow.rank == RANKS[0]
        )
    ).one()
    row, whole, start, clustering = model
    own = {
        **columns(row, Fingerprint),
        **columns(whole, Fingerprint),
        "version": row.fingerprint_version,
        "std": ProjectionVector(*whole.std),
    }
    vectors = Clustering(
        **{**columns(clustering, Clustering), "vector": ProjectionVector(*clustering.shares)}
    )
    found = {
        "clusterings": (vectors,),
        "matrices": matrices_of(session, row.id),
        "branches": branches_of(session, row.id),
    }
    return row.family.name, Fingerprint(**{**own, **found, "rank": RANKS[0], "start": start})


def matrices_of(session: Session, model: int) -> tuple[Matrix, ...]:
    """The matrices of a model without bounds."""
    names = [
        f.name for f in fields(Matrix) if f.name not in ("singular_values", "bounds", "sketch")
    ]
    arrays = (
        func.array_send(MatrixRow.singular_values[1 : RANKS[0]]),
        func.array_send(MatrixRow.sketch),
    )
    query = select(*(getattr(MatrixRow, name) for name in names), *arrays).where(
        MatrixRow.model_id == model
    )
    return tuple(
        Matrix(
            **dict(zip(names, values, strict=True)),
            singular_values=numbers(spectrum, 8),
            sketch=numbers(sketch, 4),
        )
        for *values, spectrum, sketch in session.execute(query.order_by(MatrixRow.position))
    )


def branches_of(session: Session, model: int) -> tuple[Branch, ...]:
    """The branches' sketches of a model."""
    sent = [func.halfvec_send(column) for column in (BranchRow.stream, BranchRow.token)]
    query = select(BranchRow.layer, BranchRow.branch, *sent).where(BranchRow.model_id == model)
    rows = session.execute(query.order_by(BranchRow.layer, BranchRow.branch))
    return tuple(Branch(layer, branch, *map(halves, sketches)) for layer, branch, *sketches in rows)
