"""The journey of fingerprints that waited in files into the registry."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from registry.database.connecting.transactions import answer_of, in_transaction
from registry.database.stored import fingerprints, spool
from registry.database.stored.fingerprints import Outcome
from registry.database.stored.spool import Journey, Waiting
from registry.errors import (
    DatabaseFault,
    DatabaseUnreachable,
    RegistryError,
    SpooledTooShallow,
)
from registry.workflows.ingest import Ingested, ingested_as, store


@dataclass(frozen=True)
class Flushed:
    """What became of one file.

    Attributes:
        path: where the fingerprint waited, or still does.
        source: where it was read from; None where the file cannot be read.
        ingested: what was stored; None where it waits on.
        error: why it waits on; None where it was stored.
    """

    path: Path
    source: str | None
    ingested: Ingested | None = None
    error: RegistryError | None = None


def flush(engine: Engine, only: Collection[str] | None = None) -> list[Flushed]:
    """Store all fingerprints that wait, a transaction each; return what became of each, in order.

    A file is removed once its fingerprint is committed. Several commands may do this at once: the
    same fingerprint is stored once, and who comes second finds it stored.

    Args:
        only: Paths of files; None for all.
    """
    flushed: list[Flushed] = []
    away: DatabaseFault | None = None
    for path in spool.files():
        if only is not None and str(path) not in only:
            continue
        try:
            waiting = spool.read(path)
        except FileNotFoundError:  # another command has stored it
            continue
        except RegistryError as error:
            flushed.append(Flushed(path, None, error=error))
            continue

        source = waiting.origin.source
        try:
            if away:
                raise away
            ingested = flush_one(engine, waiting, path)
        except RegistryError as error:
            away = error if isinstance(error, DatabaseUnreachable) else away
            flushed.append(Flushed(path, source, error=error))
            continue
        path.unlink(missing_ok=True)
        flushed.append(Flushed(path, source, ingested))
    return flushed


def flush_one(engine: Engine, waiting: Waiting, path: Path) -> Ingested:
    """Store one fingerprint as the command that read it would have. Raises RegistryError."""
    origin, fingerprint = waiting.origin, waiting.fingerprint
    if waiting.journey is Journey.UPGRADE:
        refresh = partial(fingerprints.refresh, origin=origin, fingerprint=fingerprint)
        model = in_transaction(engine, refresh)
        return Ingested(model, fingerprint, Outcome.REFRESHED, fingerprint.rank)

    needed = partial(fingerprints.rank_to_keep, fingerprint=fingerprint)
    rank = answer_of(engine, needed)
    if rank > fingerprint.rank:
        raise SpooledTooShallow(path=str(path), rank=rank, source=origin.source)
    saved = store(engine, origin, fingerprint)
    return ingested_as(saved, fingerprint)
