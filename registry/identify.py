"""The journey of an unknown checkpoint to a verdict."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from registry.database import search, store
from registry.database.search import Match
from registry.fingerprints import RANKS, Fingerprint
from registry.lineage.alignment import align
from registry.lineage.comparison import Comparison
from registry.lineage.mixture import Mixture, mixture
from registry.lineage.traits import KINDS, Sketches, Traits
from registry.lineage.verdict import UNKNOWN, Evidence, Verdict, judge
from registry.sources import Options, read
from registry.timing import Timing

SHORTLIST = 8  # models taken by each outline
LOOKED_AT = 3  # of these compared in full


@dataclass(frozen=True)
class Identification:
    """The verdict on one source, with the nearest registered models by the papers' vectors, nearest first."""

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


def identify(engine: Engine, source: str | Path, *, k: int = 10, **options: Unpack[Options]) -> Identification:
    """Fingerprint a source and compare it with what is registered. Stores nothing. Raises RegistryError.

    rank: 16 unless asked otherwise, for that is what is compared.
    """
    options.setdefault("rank", RANKS[0])
    _, fingerprint = read(source, **options)
    timing = options.get("timing") or Timing()
    with timing.stage("database"), Session(engine) as session:
        verdict, matches = verdict_on(session, fingerprint, k)
    return Identification(str(source), fingerprint, verdict, tuple(matches))


def verdict_on(session: Session, fingerprint: Fingerprint, k: int = 10) -> tuple[Verdict, list[Match]]:
    """The verdict of the registry on a fingerprint, and the k nearest models by the papers' vectors."""
    matches = search.nearest(session, fingerprint, k)
    candidates = search.comparable(session, fingerprint)
    traits = Traits(fingerprint)
    ids = nearest_relatives(traits.sketches, search.sketches_of(session, search.relatives(session, fingerprint, SHORTLIST)))
    names = [store.name_of(session, each) for each in ids[:LOOKED_AT]]
    if matches and matches[0].model not in names:
        names.append(matches[0].model)
    found = [(store.load(session, name), name) for name in names]
    judged = [(judge(c := Comparison(traits, Traits(own)), name, known.family, candidates), c) for (known, own), name in found]
    return best_of(judged, fingerprint.kind), matches


def nearest_relatives(own: Sketches, others: dict[int, Sketches]) -> list[int]:
    """Models in the order of how alike their branches are."""
    def likeness(model: int) -> float:
        found = [align(own, others[model], kind) for kind in KINDS]
        return max((each.similarity for each in found if each), default=0.0)

    return sorted(others, key=likeness, reverse=True)
