"""Registered models that are made of one fingerprint, and catalogues that say what they should not."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from places import EXAMPLES
from records_made import whole
from sqlalchemy.orm import Session

import registry
from registry.catalogues.columns import ROW_DIGEST, schema
from registry.catalogues.flat import flattened, row_digests
from registry.catalogues.opened import KEY
from registry.database.connecting.connection import open_database
from registry.database.stored import fingerprints
from registry.database.stored.fingerprints import Origin
from registry.fingerprints.record import Fingerprint


@cache
def one_fingerprint() -> Fingerprint:
    """A fingerprint with every part; its digest does not follow from its matrices, for some are zeros."""
    return whole(registry.fingerprint(EXAMPLES / "llama-tiny", rank=16))


def digest(name: str) -> str:
    """The digest of the weights of a model that is made."""
    return hashlib.sha256(name.encode()).hexdigest()


def register(url: str, *names: str, family: str | None = None, **changes: Any) -> None:
    """Store models, each with weights of its own."""
    with open_database(url) as engine, Session(engine) as session:
        for name in names:
            origin = Origin(f"/models/{name}", None, None, name, family, "0.2.0")
            made = replace(one_fingerprint(), digest=digest(name), **changes)
            fingerprints.save(session, origin, made)
        session.commit()


def rewritten(
    path: Path, change: Callable[[dict[str, Any]], Any] | None = None, **facts: str | None
) -> Path:
    """Write a catalogue again, honest about its digests, with other rows or other facts.

    Args:
        change: Called with each row, which it may change.
        facts: Of the metadata, to be stated instead; None to state none.
    """
    table = pq.read_table(path)
    rows = table.to_pylist()
    for row in rows:
        if change:
            change(row)
    batch = pa.RecordBatch.from_pylist(rows, schema())
    digests = [digest.hex() for digest in row_digests(flattened(batch))]
    batch = batch.set_column(0, ROW_DIGEST, pa.array(digests))
    content = hashlib.sha256(bytes.fromhex("".join(digests))).hexdigest()
    stated = {"format": "1", "digest": content, "models": str(len(rows))} | facts
    metadata = {KEY + name: value for name, value in stated.items() if value is not None}
    pq.write_table(
        pa.Table.from_batches([batch]).replace_schema_metadata(metadata), path, use_dictionary=False
    )
    return path
