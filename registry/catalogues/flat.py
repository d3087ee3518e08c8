"""The tables of some models as a database has them: flat, with the models that rows belong to."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from registry.catalogues import fields
from registry.catalogues.columns import MODEL, Part, parts, schema


@dataclass(frozen=True)
class Flat:
    """The rows that some models have in one table, sorted by model.

    Attributes:
        part: The table.
        columns: In the order of the part's.
        counts: Rows of each model.
    """

    part: Part
    columns: Sequence[pa.Array]
    counts: np.ndarray

    @property
    def ends(self) -> np.ndarray:
        """Where the rows of each model begin, and the end."""
        return np.concatenate([[0], np.cumsum(self.counts)]).astype(np.int32)

    @property
    def owners(self) -> np.ndarray:
        """The place of the model that each row belongs to."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @cached_property
    def rows(self) -> pa.BinaryArray:
        """Rows as COPY takes them, without their keys."""
        typed = list(zip(self.columns, self.part.columns.values(), strict=True))
        return fields.rows_of(typed)

    def column(self, name: str) -> pa.Array:
        """Return one column."""
        return self.columns[list(self.part.columns).index(name)]

    def nested(self) -> pa.Array:
        """Return a value for each model: its row or null, or the list of its rows."""
        names = list(self.part.columns)
        rows = pa.StructArray.from_arrays(self.columns, names)
        if not self.part.one:
            return pa.ListArray.from_arrays(self.ends, rows)
        places = pa.array(self.ends[:-1], mask=self.counts == 0)
        return rows.take(places)


Flats = dict[str, Flat]
"""By the name of the part."""


def flattened(batch: pa.RecordBatch) -> Flats:
    """Return the tables of models in a file."""
    count = len(batch)
    flats = {}
    for name, part in parts().items():
        if name == MODEL:
            columns = [batch.column(column) for column in part.columns]
            flats[name] = Flat(part, columns, np.ones(count, np.int32))
            continue
        nested = batch.column(name)
        if part.one:
            counts = nested.is_valid().to_numpy(zero_copy_only=False).astype(np.int32)
            rows = nested.drop_null()
        else:
            counts = pc.list_value_length(nested).fill_null(0).to_numpy()
            rows = nested.flatten()
        flats[name] = Flat(part, rows.flatten(), counts)
    return flats


def batch_of(flats: Flats) -> pa.RecordBatch:
    """Return models as rows of a file, each with the digest of all that it holds."""
    digests = [digest.hex() for digest in row_digests(flats)]
    columns = [pa.array(digests, pa.string()), *flats[MODEL].columns]
    columns += [flat.nested() for name, flat in flats.items() if name != MODEL]
    return pa.RecordBatch.from_arrays(columns, schema=schema())


def row_digests(flats: Flats) -> list[bytes]:
    """Return the SHA-256 of each model's rows: how many there are of each table, then these."""
    count = len(flats[MODEL].counts)
    counts = np.stack([flat.counts for flat in flats.values()], axis=1).astype(">i4")
    pieces = [
        fields.fixed(np.ascontiguousarray(counts).view(f"V{counts.shape[1] * 4}").reshape(-1))
    ]
    for flat in flats.values():
        rows = flat.rows
        content = np.frombuffer(rows.buffers()[2] or b"", np.uint8)
        pieces.append(fields.binary(fields.offsets(rows)[flat.ends], content))
    whole = pc.binary_join_element_wise(*pieces, b"")

    joined = memoryview(whole.buffers()[2])
    ends = fields.offsets(whole).tolist()
    return [hashlib.sha256(joined[ends[i] : ends[i + 1]]).digest() for i in range(count)]
