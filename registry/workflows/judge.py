"""What the registry says of a fingerprint: which models it is compared with, and the verdict on the nearest."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from registry.database import fingerprints, models, nearest
from registry.database.nearest import Match
from registry.fingerprints.record import Fingerprint
from registry.lineage.adapter_base import fitting, judge_adapter
from registry.lineage.comparison import Comparison
from registry.lineage.features import KINDS, Sketches, Traits
from registry.lineage.layer_alignment import align
from registry.lineage.merge_shares import TRAINED, merged
from registry.lineage.training_recipe import distance, profile
from registry.lineage.verdict import (
    ACCEPTED,
    DERIVED,
    UNKNOWN,
    Candidates,
    Evidence,
    Verdict,
    judge,
    recipe_chance,
)

SHORTLIST = 8  # models that outlines give
ALONE = 0.5  # cosine of outlines, by 8 standard deviations of chance: where one model alone has it, no other is looked at
COMPARED = 3  # of these, in full
ALIKE = 5  # nearest by the papers' vectors, of which the family is named by its recipe


def verdict_on(session: Session, fingerprint: Fingerprint, matches: Sequence[Match]) -> Verdict:
    """What the registry says of a fingerprint. matches: the nearest models by the papers' vectors."""
    if fingerprint.kind == "adapter":
        return verdict_on_adapter(session, fingerprint)
    candidates = nearest.comparable(session, fingerprint)
    own = Traits(fingerprint)
    near = relatives(session, own)
    pairs = [Candidate.of(session, own, name, candidates) for name in near[:1]]
    if pairs and pairs[0].verdict.related:
        return among_relatives(session, own, pairs[0], near[1:COMPARED], candidates)
    alike = by_recipe(session, fingerprint, matches[:ALIKE], candidates)
    pairs += [Candidate.of(session, own, name, candidates) for name in alike[:1]]
    if not pairs:
        nothing = Evidence("candidates", f"no registered {fingerprint.kind} can be compared")
        return Verdict(UNKNOWN, evidence=(nothing,))
    return pairs[-1].verdict if pairs[-1].verdict.verdict != UNKNOWN else pairs[0].verdict


def by_recipe(
    session: Session, fingerprint: Fingerprint, matches: Sequence[Match], candidates: Candidates
) -> list[str]:
    """Names of the nearest by the papers' vectors in the order of their recipes, first those that may be one family."""
    own, found = profile(fingerprint), nearest.profiles(session, [match.model for match in matches])

    def place(match: Match) -> tuple[bool, float]:
        return recipe_chance(match.std_distance, candidates) > ACCEPTED, distance(
            own, found[match.model]
        )

    return [match.model for match in sorted(matches, key=place)]


@dataclass(frozen=True)
class Candidate:
    """A registered model that was compared."""

    name: str
    found: Comparison
    verdict: Verdict

    @classmethod
    def of(cls, session: Session, own: Traits, name: str, candidates: Candidates) -> "Candidate":
        """Load a model and compare it."""
        family, fingerprint = fingerprints.family_and_fingerprint(session, name)
        found = Comparison(own, Traits(fingerprint))
        return cls(name, found, judge(found, name, family, candidates))


def among_relatives(
    session: Session, own: Traits, best: Candidate, others: Sequence[str], candidates: Candidates
) -> Verdict:
    """The verdict on the nearest relative, with what others tell where weights moved as in a merge."""
    if best.verdict.verdict != DERIVED or not any(
        phrase.startswith(TRAINED) for phrase in best.verdict.how
    ):
        return best.verdict
    pairs = [Candidate.of(session, own, name, candidates) for name in others]
    return merged(
        best.verdict,
        best.found,
        [(pair.name, pair.found) for pair in pairs if pair.verdict.related],
    )


def relatives(session: Session, own: Traits) -> list[str]:
    """The registered models that are most likely relatives, by name: the same weights first, then by their branches."""
    same = nearest.same_weights(session, own.fingerprint)
    found = [
        pair
        for pair in nearest.by_outline(session, own.fingerprint, SHORTLIST)
        if pair[0] not in same
    ]
    near = [name for name, _ in found]
    if sum(cosine > ALONE for _, cosine in found) == 1:
        return [*same, *near]
    sketches = nearest.sketches_of(session, near)
    ordered = sorted(near, key=lambda name: likeness(own.sketches, sketches[name]), reverse=True)
    return [*same, *ordered]


def likeness(one: Sketches, other: Sketches) -> float:
    """How alike the branches of two models are, in the axes in which they are more so."""
    found = [align(one, other, kind) for kind in KINDS]
    return max((each.similarity for each in found if each), default=0.0)


def verdict_on_adapter(session: Session, fingerprint: Fingerprint) -> Verdict:
    """The same adapter if it is registered, else the base that it fits."""
    twin = models.with_digest(session, fingerprint.digest)
    fits = fitting(fingerprint, nearest.bases(session, fingerprint))
    return judge_adapter(fingerprint, (twin.name, twin.family) if twin else None, fits)
