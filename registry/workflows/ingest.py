"""The journey of a checkpoint into the registry."""

from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from registry.database import fingerprints, models, nearest, verdicts
from registry.fingerprints.from_source import Options, read
from registry.fingerprints.record import Fingerprint
from registry.fingerprints.timing import Timing
from registry.workflows.judge import verdict_on


@dataclass(frozen=True)
class Ingested:
    """What became of one source.

    rank_before: what these weights were registered with already, as `model`; None where they are new.
    """

    model: models.Summary
    fingerprint: Fingerprint
    rank_before: int | None

    @property
    def new(self) -> bool:
        """False where these weights were registered already."""
        return self.rank_before is None

    @property
    def deeper(self) -> bool:
        """Whether more singular values are registered now than before."""
        return self.rank_before is not None and self.rank_before < self.fingerprint.rank


def ingest(
    engine: Engine,
    source: str | Path,
    tool_version: str,
    *,
    family: str | None = None,
    name: str | None = None,
    **options: Unpack[Options],
) -> Ingested:
    """Fingerprint a source and store it in one transaction. Raises RegistryError, and then nothing was stored.

    Weights that are registered already are left alone, unless they come with more singular values than before. What the
    registry says of new ones is stored with them.
    """
    checkpoint, fingerprint = read(source, **options)
    timing = options.get("timing") or Timing()
    with timing.stage("database"), Session(engine) as session, session.begin():
        verdict = verdict_on(session, fingerprint, nearest.nearest(session, fingerprint, 1))
        model, before = fingerprints.save(
            session, checkpoint, fingerprint, tool_version, family, name or checkpoint.name
        )
        if before is None:
            verdicts.keep_verdict(session, model.name, verdict)
    return Ingested(model, fingerprint, before)
