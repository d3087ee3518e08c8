"""The journey of a checkpoint into the registry."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from registry.database import store
from registry.fingerprints import Fingerprint, Progress
from registry.sources import read


@dataclass(frozen=True)
class Ingested:
    """What became of one source. new: False where these weights were registered already, as `model`."""

    model: store.Summary
    fingerprint: Fingerprint
    new: bool


def ingest(  # noqa: PLR0913  # a keyword for each option of the command
    engine: Engine,
    source: str | Path,
    tool_version: str,
    *,
    base: str | Path | None = None,
    family: str | None = None,
    name: str | None = None,
    allow_nonfinite: bool = False,
    download: bool = False,
    progress: Progress | None = None,
) -> Ingested:
    """Fingerprint a source and store it in one transaction. Raises RegistryError, and then nothing was stored.

    base: what to merge an adapter into; without it, the adapter is stored as one.
    """
    checkpoint, fingerprint = read(
        source, base=base, allow_nonfinite=allow_nonfinite, download=download, progress=progress
    )
    with Session(engine) as session, session.begin():
        model, new = store.save(session, checkpoint, fingerprint, tool_version, family, name or checkpoint.name)
    return Ingested(model, fingerprint, new)
