"""A row of a catalogue as the record of a fingerprint."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from registry.architectures.ledger_line import LedgerLine
from registry.catalogues.columns import MODEL, parts
from registry.fingerprints.histogram_record import Histogram
from registry.fingerprints.projection_vector import ProjectionVector
from registry.fingerprints.record import (
    Adapter,
    Branch,
    Clustering,
    Fingerprint,
    Matrix,
    Space,
    Tensor,
)

Row = dict[str, Any]
PARTS: dict[str, tuple[str, type]] = {
    "matrices": ("matrices", Matrix),
    "branches": ("branches", Branch),
    "spaces": ("spaces", Space),
    "histograms": ("histograms", Histogram),
    "tensors": ("tensors", Tensor),
    "ledgers": ("ledger", LedgerLine),
}
"""Columns of a catalogue: the fingerprint's attribute, and what it consists of."""
RENAMED = {"tensor_group": "group"}


def fingerprint_of(row: Row) -> Fingerprint:
    """Return the fingerprint that a row holds."""
    model = {name: row[name] for name in parts()[MODEL].columns}
    values = values_of(model, Fingerprint) | values_of(row["fingerprint"], Fingerprint)
    for name, (attribute, record) in PARTS.items():
        values[attribute] = records_of(row[name], record)
    outline = row["outline"] or {}
    adapter = row["adapter"]
    return Fingerprint(
        **values | {"std": ProjectionVector(*values["std"])},
        version=row["fingerprint_version"],
        clusterings=tuple(map(clustering_of, row["clusterings"])),
        adapter=Adapter(**values_of(adapter, Adapter)) if adapter else None,
        start=halves(outline.get("start")),
    )


def records_of(rows: list[Row], record: Callable[..., Any]) -> tuple[Any, ...]:
    """Return a record for every row."""
    return tuple(record(**values_of(row, record)) for row in rows)


def values_of(row: Row, record: Any) -> Row:
    """Return what a row has for the fields of a record: lists as tuples, sketches as numbers."""
    names = {field.name for field in fields(record)}
    values = {}
    for column, value in row.items():
        name = RENAMED.get(column, column)
        if name in names:
            values[name] = converted(value, record)
    return values


def converted(value: Any, record: Any) -> Any:
    """Return a value as records have it."""
    if isinstance(value, bytes):
        return floats(value) if record in (Matrix, Tensor) else halves(value)
    return tuple(value) if isinstance(value, list) else value


def halves(content: bytes | None) -> tuple[float, ...] | None:
    """Return the numbers of a halfvec."""
    return None if content is None else tuple(np.frombuffer(content, "<f2").astype(float).tolist())


def floats(content: bytes) -> tuple[float, ...]:
    """Return numbers of single precision."""
    return tuple(np.frombuffer(content, "<f4").astype(float).tolist())


def clustering_of(row: Row) -> Clustering:
    """Return a clustering."""
    values = values_of(row, Clustering)
    return Clustering(**values, vector=ProjectionVector(*row["shares"]))
