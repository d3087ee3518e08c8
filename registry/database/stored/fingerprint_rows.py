"""The rows that hold a fingerprint: added to a model, or put in the place of others."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from registry.database.stored.rows import column_values, field_values, rows_of
from registry.database.tables.schema import (
    BranchRow,
    ClusteringRow,
    HistogramRow,
    MatrixRow,
    Model,
    OutlineRow,
    SpaceRow,
)
from registry.database.tables.tensor_rows import LedgerRow, TensorRow
from registry.database.tables.text_limits import fitting
from registry.fingerprints.projection_vector import ProjectionVector
from registry.fingerprints.record import Clustering, Fingerprint

NumberedRow = MatrixRow | TensorRow | LedgerRow
"""Rows that keep the order of a fingerprint's records."""
REPLACED: dict[Any, str] = {
    MatrixRow: "matrices",
    ClusteringRow: "clusterings",
    BranchRow: "branches",
    SpaceRow: "spaces",
    OutlineRow: "outline",
    HistogramRow: "histograms",
    TensorRow: "tensors",
    LedgerRow: "ledger",
}
"""Tables whose rows a deeper fingerprint replaces, and a model's attributes that hold them."""


def set_spectra(model: Model, fingerprint: Fingerprint) -> None:
    """Give a model what depends on the rank, and the sketches, which those before 0005 lack.

    Of a new model it is stored with the rest of it; of one that is stored, its old rows are read.
    """
    from registry.fingerprints.outline import outline  # noqa: PLC0415  # NumPy, to store alone

    model.clusterings = [clustering_row(clustering) for clustering in fingerprint.clusterings]
    model.cast_digest = fingerprint.cast_digest
    model.fingerprint.vocabulary = fingerprint.vocabulary
    model.fingerprint.zero = fitting("fingerprints.zero", fingerprint.zero)
    model.fingerprint.tied = fingerprint.tied
    model.branches = rows_of(fingerprint.branches, BranchRow)
    model.spaces = rows_of(fingerprint.spaces, SpaceRow)
    model.histograms = rows_of(fingerprint.histograms, HistogramRow)
    model.outline = OutlineRow(**column_values(outline(fingerprint), OutlineRow))


def add_tables(session: Session, model: Model, fingerprint: Fingerprint) -> None:
    """Store a row for every matrix, tensor and line of the ledger of a model that has a number."""
    add_numbered(session, model, MatrixRow, fingerprint.matrices)
    add_numbered(session, model, TensorRow, fingerprint.tensors)
    add_numbered(session, model, LedgerRow, fingerprint.ledger)


def clustering_of(row: ClusteringRow) -> Clustering:
    """Return the clustering of a row."""
    values = field_values(row, Clustering)
    values["vector"] = ProjectionVector(*row.shares)
    return Clustering(**values)


def clustering_row(clustering: Clustering) -> ClusteringRow:
    """Return the row of a clustering, whose column `vector` the server computes from the shares."""
    values = column_values(clustering, ClusteringRow, without=("vector",))
    return ClusteringRow(shares=clustering.vector, **values)


def add_numbered(
    session: Session, model: Model, table: type[NumberedRow], records: Sequence[Any]
) -> None:
    """Store records with their positions in one statement, without an object for each."""
    rows = []
    for position, record in enumerate(records):
        values = column_values(record, table)
        rows.append({"model_id": model.id, "position": position, **values})
    if rows:
        session.execute(insert(table), rows)


def replace_version(
    session: Session, model: Model, fingerprint: Fingerprint, tool_version: str
) -> None:
    """Replace all of a fingerprint by that of another version."""
    model.fingerprint_version = fingerprint.version
    model.tool_version = tool_version
    set_columns(model, fingerprint)
    set_columns(model.fingerprint, fingerprint)
    if model.adapter and fingerprint.adapter:
        set_columns(model.adapter, fingerprint.adapter)
    replace_spectra(session, model, fingerprint)


def set_columns(row: Any, record: Any) -> None:
    """Give a row the fields of a record that its table has a column for."""
    for name, value in column_values(record, type(row)).items():
        setattr(row, name, value)


def replace_spectra(session: Session, model: Model, fingerprint: Fingerprint) -> None:
    """Replace what depends on the rank, and the sketches, by those of a new fingerprint."""
    model.fingerprint.rank = fingerprint.rank
    for table in REPLACED:
        session.execute(delete(table).where(table.model_id == model.id))
    session.expire(model, REPLACED.values())
    set_spectra(model, fingerprint)
    add_tables(session, model, fingerprint)
