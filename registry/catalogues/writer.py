"""A catalogue's file, written batch by batch."""

import hashlib
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from registry.catalogues.columns import FORMAT, ROW_DIGEST, schema
from registry.catalogues.flat import Flats, batch_of
from registry.catalogues.opened import KEY


class Writer:
    """Writes models to a file, a group of rows at a time; the facts come last.

    Attributes:
        models: How many were written.
        digest: SHA-256 over the digests of all rows, as far as it has come.
    """

    def __init__(self, path: Path, tool_version: str) -> None:
        self.tool_version = tool_version
        self.models = 0
        self.digest = hashlib.sha256()
        self.file = pq.ParquetWriter(
            path,
            schema(),
            compression="zstd",
            use_dictionary=False,
            write_statistics=False,
            store_schema=False,
        )

    def write(self, flats: Flats) -> None:
        """Write models as one group of rows."""
        batch = batch_of(flats)
        for row in batch.column(ROW_DIGEST).to_pylist():
            self.digest.update(bytes.fromhex(row))
        self.models += len(batch)
        table = pa.Table.from_batches([batch])
        self.file.write_table(table, row_group_size=max(len(batch), 1))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        facts = {
            "format": str(FORMAT),
            "digest": self.digest.hexdigest(),
            "models": str(self.models),
            "tool_version": self.tool_version,
        }
        self.file.add_key_value_metadata({KEY + name: value for name, value in facts.items()})
        self.file.close()
