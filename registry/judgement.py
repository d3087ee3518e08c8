"""What the registry says of a fingerprint: which models it is compared with, and the verdict on the nearest."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from registry.database import search, store
from registry.database.search import Match
from registry.fingerprints import Fingerprint
from registry.lineage.alignment import align
from registry.lineage.comparison import Comparison
from registry.lineage.fit import fitting, judge_adapter
from registry.lineage.mixture import merged
from registry.lineage.traits import KINDS, Sketches, Traits
from registry.lineage.verdict import Evidence, Verdict, judge

SHORTLIST = 8  # models that each outline gives
COMPARED = 3  # of these, in full


def verdict_on(session: Session, fingerprint: Fingerprint, matches: Sequence[Match]) -> Verdict:
    """What the registry says of a fingerprint. matches: the nearest models by the papers' vectors."""
    if fingerprint.kind == "adapter":
        return verdict_on_adapter(session, fingerprint)
    candidates = search.comparable(session, fingerprint)
    own = Traits(fingerprint)
    names = [*relatives(session, own), *(match.model for match in matches[:1])]
    pairs = [(name, *compared(session, own, name)) for name in dict.fromkeys(names)]
    verdicts = [judge(found, name, family, candidates) for name, family, found in pairs]
    best = min(range(len(verdicts)), key=lambda i: rank_of(verdicts[i]), default=None)
    if best is None:
        nothing = Evidence("candidates", f"no registered {fingerprint.kind} can be compared")
        return Verdict("unknown", evidence=(nothing,))
    others = [(name, found) for i, (name, _, found) in enumerate(pairs) if i != best and verdicts[i].related]
    return merged(verdicts[best], pairs[best][2], others)


def rank_of(verdict: Verdict) -> int:
    """Verdicts in the order in which they are preferred."""
    return ("same weights", "quantised copy", "derived", "same family", "unknown").index(verdict.verdict)


def compared(session: Session, own: Traits, name: str) -> tuple[str, Comparison]:
    """The family of a registered model, and how it compares."""
    known, fingerprint = store.load(session, name)
    return known.family, Comparison(own, Traits(fingerprint))


def relatives(session: Session, own: Traits) -> list[str]:
    """The registered models that are most likely relatives, by name: the same weights first, then by their branches."""
    same, near = search.relatives(session, own.fingerprint, SHORTLIST)
    sketches = search.sketches_of(session, near)
    ordered = sorted(near, key=lambda name: likeness(own.sketches, sketches[name]), reverse=True)
    return [*same, *ordered][:COMPARED]


def likeness(one: Sketches, other: Sketches) -> float:
    """How alike the branches of two models are, in the axes in which they are more so."""
    found = [align(one, other, kind) for kind in KINDS]
    return max((each.similarity for each in found if each), default=0.0)


def verdict_on_adapter(session: Session, fingerprint: Fingerprint) -> Verdict:
    """The same adapter if it is registered, else the base that it fits."""
    twin = store.with_digest(session, fingerprint.digest)
    fits = fitting(fingerprint, search.bases(session, fingerprint))
    return judge_adapter(fingerprint, (twin.name, twin.family) if twin else None, fits)
