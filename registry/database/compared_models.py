"""What comparisons read of registered models: arrays in the bytes that the server holds."""

from dataclasses import fields

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.database.fingerprint_rows import clustering_of
from registry.database.models import CURRENT
from registry.database.rows import field_values
from registry.database.schema import (
    BranchRow,
    ClusteringRow,
    FingerprintRow,
    MatrixRow,
    Model,
    OutlineRow,
)
from registry.database.tensor_rows import TensorRow
from registry.database.wire import all_numbers, halves, numbers
from registry.fingerprints.projection_vector import ProjectionVector
from registry.fingerprints.record import RANKS, Branch, Fingerprint, Tensor
from registry.lineage.features import SPECTRUM_RANK, ComparedMatrix, ComparedModel

ARRAYS = ("singular_values", "sketch")
PLAIN = [field.name for field in fields(ComparedMatrix) if field.name not in ARRAYS]
OF_TENSORS = [field.name for field in fields(Tensor) if field.name not in ARRAYS]
DOUBLE = 8  # bytes of a number
SINGLE = 4


def compared_model(session: Session, name: str) -> ComparedModel:
    """Return what a comparison reads of a registered model, and its family.

    Sixteen times as fast as the whole fingerprint.
    """
    query = select(Model, FingerprintRow)
    query = query.join(FingerprintRow, FingerprintRow.model_id == Model.id)
    query = query.where(Model.name == name, CURRENT)
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
        hidden_size=model.hidden_size,
        depth=model.layers,
        parameters=model.parameters,
        tensors=tensors_of(session, model.id),
        zero=fingerprint.zero,
        tied=fingerprint.tied,
        architecture=model.architecture,
    )


def fingerprint_to_judge(session: Session, name: str, compared: ComparedModel) -> Fingerprint:
    """Return what the search reads of a registered model's fingerprint; its matrices stay empty.

    Args:
        compared: What a comparison reads of the model.
    """
    query = select(Model, FingerprintRow, ClusteringRow, OutlineRow.start)
    query = query.join(FingerprintRow, FingerprintRow.model_id == Model.id)
    query = query.join(ClusteringRow, ClusteringRow.model_id == Model.id)
    query = query.outerjoin(OutlineRow, OutlineRow.model_id == Model.id)
    query = query.where(Model.name == name, CURRENT, ClusteringRow.rank == RANKS[0])
    model, row, clustering, start = session.execute(query).one()
    values = field_values(model, Fingerprint) | field_values(row, Fingerprint)
    values["std"] = ProjectionVector(*row.std)
    return Fingerprint(
        **values,
        version=model.fingerprint_version,
        clusterings=(clustering_of(clustering),),
        matrices=(),
        branches=compared.branches,
        start=start,
    )


def compared_matrices(session: Session, model_id: int) -> tuple[ComparedMatrix, ...]:
    """Return what a comparison reads of a model's matrices, in their order."""
    columns = [getattr(MatrixRow, name) for name in PLAIN]
    singular_values = func.array_send(MatrixRow.singular_values[1:SPECTRUM_RANK])
    sketch = func.array_send(MatrixRow.sketch)
    query = select(*columns, singular_values, sketch)
    query = query.where(MatrixRow.model_id == model_id)

    rows = session.execute(query.order_by(MatrixRow.position)).all()
    spectra = all_numbers([row[-2] for row in rows], DOUBLE)
    sketches = all_numbers([row[-1] for row in rows], SINGLE)

    matrices = []
    for row, singular_values, values in zip(rows, spectra, sketches, strict=True):
        plain = dict(zip(PLAIN, row[:-2], strict=True))
        matrices.append(ComparedMatrix(**plain, singular_values=singular_values, sketch=values))
    return tuple(matrices)


def branches_of(session: Session, model_id: int) -> tuple[Branch, ...]:
    """Return the sketches of a model's branches, by layer."""
    stream = func.halfvec_send(BranchRow.stream)
    token = func.halfvec_send(BranchRow.token)
    own = func.halfvec_send(BranchRow.own)
    scores = func.halfvec_send(BranchRow.scores)
    query = select(BranchRow.layer, BranchRow.branch, stream, token, own, scores)
    query = query.where(BranchRow.model_id == model_id)
    query = query.order_by(BranchRow.layer, BranchRow.branch)

    branches = []
    for layer, branch, *sent in session.execute(query):
        branches.append(Branch(layer, branch, *map(halves, sent)))
    return tuple(branches)


def tensors_of(session: Session, model_id: int) -> tuple[Tensor, ...]:
    """Return a model's tensors outside the projections, in their order."""
    columns = [getattr(TensorRow, name) for name in OF_TENSORS]
    query = select(*columns, func.array_send(TensorRow.sketch))
    query = query.where(TensorRow.model_id == model_id)

    tensors = []
    for *values, sent_sketch in session.execute(query.order_by(TensorRow.position)):
        plain = dict(zip(OF_TENSORS, values, strict=True))
        tensors.append(Tensor(**plain, sketch=numbers(sent_sketch, SINGLE)))
    return tuple(tensors)
