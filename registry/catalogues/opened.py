"""A catalogue of unknown origin: what it may ask for is bounded, and what it says is checked."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from registry.catalogues.columns import FORMAT, ROW_DIGEST, schema
from registry.catalogues.flat import Flats, flattened, row_digests
from registry.catalogues.pages import check_group
from registry.checkpoints.limits import limit
from registry.errors import BrokenCatalogue, CatalogueNewer, UnreadableFile

KEY = "registry.catalogue."
"""How the keys of the file's metadata begin: format, digest, models, tool_version."""
MAGIC = b"PAR1"
TAIL = 8  # bytes at the end of a Parquet file: the footer's length, and the magic number
READING = (pa.ArrowException, ValueError, OSError, MemoryError, OverflowError, KeyError, TypeError)
"""What pyarrow raises for a file that is not what it should be."""


@dataclass(frozen=True)
class Batch:
    """The models of one group of a file's rows."""

    rows: pa.RecordBatch
    flats: Flats


@dataclass(frozen=True)
class Catalogue:
    """An open file.

    Attributes:
        label: What the user calls it.
        digest: That it states of its content; the order of its rows counts.
        models: How many there are.
    """

    label: str
    file: pq.ParquetFile
    digest: str
    models: int

    def batches(self) -> Iterator[Batch]:
        """Yield the models, checked against the digest of each. Raises BrokenCatalogue."""
        for group in range(self.file.num_row_groups):
            with damage_told(self.label):
                rows = self.group(group, schema().names)
                flats = flattened(rows)
                digests = [digest.hex() for digest in row_digests(flats)]
                stated = rows.column(ROW_DIGEST).to_pylist()
            if digests != stated:
                raise BrokenCatalogue(path=self.label, reason="a row does not have its digest")
            yield Batch(rows, flats)

    def group(self, group: int, columns: list[str]) -> pa.RecordBatch:
        """Return some columns of one group of rows."""
        table = self.file.read_row_group(group, columns=columns, use_threads=False)
        table.validate(full=True)
        [batch] = table.combine_chunks().to_batches() or [empty(columns)]
        if len(batch) != self.file.metadata.row_group(group).num_rows:
            raise ValueError("a group of rows has not as many as it states")
        return batch

    def check_digest(self) -> None:
        """Raise BrokenCatalogue where rows are missing, or of another file."""
        digest = hashlib.sha256()
        count = 0
        for group in range(self.file.num_row_groups):
            with damage_told(self.label):
                column = self.group(group, [ROW_DIGEST]).column(0)
                for row in column.to_pylist():
                    digest.update(bytes.fromhex(row))
            count += len(column)
        if digest.hexdigest() != self.digest:
            raise BrokenCatalogue(path=self.label, reason="it does not have the digest it states")
        if count != self.models:
            raise BrokenCatalogue(path=self.label, reason="it has not as many models as it states")


def empty(columns: list[str]) -> pa.RecordBatch:
    """Return no rows."""
    fields = [schema().field(name) for name in columns]
    arrays = [pa.array([], field.type) for field in fields]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


@contextmanager
def opened(path: Path, label: str) -> Iterator[Catalogue]:
    """Yield a catalogue whose digest fits. Raises UnreadableFile, BrokenCatalogue, CatalogueNewer.

    Args:
        path: Of the file.
        label: What the user calls it.
    """
    try:
        size = path.stat().st_size
        stream = path.open("rb")
    except OSError as exc:
        raise UnreadableFile(path=label, reason=exc.strerror or str(exc)) from exc
    with stream:
        check_ends(stream, size, label)
        with damage_told(label):
            file = pq.ParquetFile(
                stream,
                pre_buffer=False,
                thrift_string_size_limit=limit("catalogue-footer"),
                thrift_container_size_limit=limit("catalogue-groups"),
            )
        with file:
            catalogue = checked(file, size, label)
            with damage_told(label):
                for group in range(file.num_row_groups):
                    check_group(stream, file.metadata.row_group(group))
            catalogue.check_digest()
            yield catalogue


@contextmanager
def damage_told(label: str) -> Iterator[None]:
    """Raise BrokenCatalogue for what pyarrow says of a file that is not what it should be."""
    try:
        yield
    except READING as exc:
        raise BrokenCatalogue(path=label, reason=f"it cannot be read: {exc}") from exc


def check_ends(stream: Any, size: int, label: str) -> None:
    """Raise BrokenCatalogue where a file is not Parquet, or cut, or has a footer too long."""
    head = stream.read(len(MAGIC))
    if head != MAGIC:
        raise BrokenCatalogue(path=label, reason="it is not a Parquet file")
    if size < len(MAGIC) + TAIL:
        raise BrokenCatalogue(path=label, reason="it is cut")
    stream.seek(size - TAIL)
    tail = stream.read(TAIL)
    stream.seek(0)
    if tail[-len(MAGIC) :] != MAGIC:
        raise BrokenCatalogue(path=label, reason="it is cut")
    if int.from_bytes(tail[:4], "little") > limit("catalogue-footer", size):
        raise BrokenCatalogue(path=label, reason="its footer is too long")


def checked(file: pq.ParquetFile, size: int, label: str) -> Catalogue:
    """Return a catalogue whose format, columns and sizes are as they should be.

    Raises BrokenCatalogue, CatalogueNewer.
    """
    facts = file.metadata.metadata or {}
    version = facts.get(f"{KEY}format".encode(), b"").decode(errors="replace")
    if not version.isascii() or not version.isdecimal():
        raise BrokenCatalogue(path=label, reason="it does not state a catalogue's format")
    if version != str(FORMAT):
        raise CatalogueNewer(path=label, version=version[:10], expected=FORMAT)

    problem = columns_problem(file.schema_arrow) or size_problem(file.metadata, size)
    if problem:
        raise BrokenCatalogue(path=label, reason=problem)
    digest = facts.get(f"{KEY}digest".encode(), b"").decode(errors="replace")
    models = facts.get(f"{KEY}models".encode(), b"").decode(errors="replace")
    if models != str(file.metadata.num_rows):
        raise BrokenCatalogue(path=label, reason="it has not as many models as it states")
    return Catalogue(label, file, digest, int(models))


def columns_problem(found: pa.Schema) -> str | None:
    """Return what is wrong with the columns of a file; further ones are not looked at."""
    for field in schema():
        places = found.get_all_field_indices(field.name)
        if len(places) != 1:
            return f"it has {len(places)} columns {field.name!r}"
        kind = found.field(places[0]).type
        if not kind.equals(field.type):
            return f"the column {field.name!r} is of another type"
    return None


def size_problem(metadata: Any, size: int) -> str | None:
    """Return what a file asks for that is too much, before any of it is unpacked."""
    most = limit("catalogue-bytes", size)
    whole = 0
    for place in range(metadata.num_row_groups):
        group = metadata.row_group(place)
        unpacked = sum(group.column(i).total_uncompressed_size for i in range(group.num_columns))
        values = max((group.column(i).num_values for i in range(group.num_columns)), default=0)
        whole += unpacked
        if group.num_rows > limit("catalogue-group-rows"):
            return f"a group of rows states {group.num_rows:,} of them"
        if unpacked > limit("catalogue-group-bytes") or unpacked < 0:
            return f"a group of rows states {unpacked:,} bytes"
        if values > limit("catalogue-group-values"):
            return f"a column of a group of rows states {values:,} values"
    if whole > most:
        return f"it states {whole:,} bytes, of a file of {size:,}"
    return None
