"""The journey of an unknown checkpoint to a verdict."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from registry.database import search, store
from registry.evidence import Match, Verdict, judge
from registry.fingerprints import Fingerprint, Progress
from registry.sources import read


@dataclass(frozen=True)
class Identification:
    """The verdict on one source, with the nearest registered models, nearest first."""

    source: str
    fingerprint: Fingerprint
    verdict: Verdict
    matches: tuple[Match, ...]

    @property
    def families(self) -> tuple[Match, ...]:
        """The nearest model of each family, nearest first."""
        best: dict[str, Match] = {}
        for match in self.matches:
            best.setdefault(match.family, match)
        return tuple(best.values())


def identify(
    engine: Engine,
    source: str | Path,
    *,
    base: str | Path | None = None,
    k: int = 10,
    allow_nonfinite: bool = False,
    download: bool = False,
    progress: Progress | None = None,
) -> Identification:
    """Fingerprint a source and compare it with what is registered. Stores nothing. Raises RegistryError.

    base: what to merge an adapter into; without it, the adapter is compared with adapters.
    """
    _, fingerprint = read(source, base=base, allow_nonfinite=allow_nonfinite, download=download, progress=progress)
    with Session(engine) as session:
        matches = search.nearest(session, fingerprint, k)
        candidates = search.comparable(session, fingerprint)
        twin = store.with_digest(session, fingerprint.digest)
    verdict = judge(matches, candidates, (twin.name, twin.family) if twin else None, fingerprint.kind)
    return Identification(str(source), fingerprint, verdict, tuple(matches))
