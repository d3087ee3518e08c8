"""The verdict on a fingerprint: which registered models it is compared with, and the nearest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy.orm import Session

from registry.database import models, near_sketches, nearest
from registry.database.compared_models import compared_model
from registry.database.nearest import Match
from registry.fingerprints.record import Fingerprint
from registry.lineage.adapter_base import RegisteredAdapter, judge_adapter, rank_bases
from registry.lineage.comparison import ModelComparison
from registry.lineage.features import KINDS, ModelFeatures, Sketches
from registry.lineage.judgement import ACCEPTED, CandidateCounts, judge, std_p_value
from registry.lineage.layer_alignment import align
from registry.lineage.merge_shares import ComparedParent, with_merge
from registry.lineage.training_recipe import recipe_distance, recipe_profile
from registry.lineage.verdict import TRAINING, Evidence, EvidenceKind, Relation, Verdict

SHORTLIST = 8  # models that outlines give
# cosine of outlines, 8 standard deviations: where one model alone has it, no other is aligned
ALONE = 0.5
COMPARED = 3  # of these, in full
BY_RECIPE = 5  # nearest by the papers' vectors, of which the family is named by its recipe


@dataclass(frozen=True)
class ComparedCandidate:
    """A registered model that was compared in full."""

    name: str
    comparison: ModelComparison
    verdict: Verdict


class RecipePlace(NamedTuple):
    """What matches are sorted by: first those that may be of one family, then by recipe."""

    unrelated: bool
    distance: float


@dataclass(frozen=True)
class Judge:
    """One model in question, and the registered models that it is compared with."""

    session: Session
    fingerprint: Fingerprint
    features: ModelFeatures
    candidates: CandidateCounts

    @classmethod
    def of(cls, session: Session, fingerprint: Fingerprint) -> "Judge":
        """Count the registered models that a model can be compared with."""
        candidates = nearest.comparable(session, fingerprint)
        return cls(session, fingerprint, ModelFeatures.of(fingerprint), candidates)

    def verdict(self, matches: Sequence[Match]) -> Verdict:
        """Return the verdict: on the likeliest relative, else on the likeliest of one family.

        Args:
            matches: The nearest models by the papers' vectors.

        An unknown is that of the likeliest relative.
        """
        relatives = self.likely_relatives()
        compared = [self.compare_with(name) for name in relatives[:1]]
        if compared and compared[0].verdict.related:
            return self.with_merge(compared[0], relatives[1:COMPARED])

        by_recipe = self.by_recipe(matches[:BY_RECIPE])
        compared += [self.compare_with(name) for name in by_recipe[:1]]
        if not compared:
            return Verdict.unknown(evidence=(Evidence(EvidenceKind.CANDIDATES, count=0),))

        likeliest, last = compared[0], compared[-1]
        if last.verdict.verdict == Relation.UNKNOWN:
            return likeliest.verdict
        return last.verdict

    def compare_with(self, name: str) -> ComparedCandidate:
        """Load a registered model and compare it in full."""
        model = compared_model(self.session, name)
        comparison = ModelComparison(self.features, ModelFeatures(model))
        verdict = judge(comparison, name, model.family, self.candidates)
        return ComparedCandidate(name, comparison, verdict)

    def with_merge(self, best: ComparedCandidate, others: Sequence[str]) -> Verdict:
        """Return the verdict on the nearest relative, as a merge if that explains the training."""
        if best.verdict.verdict != Relation.DERIVED or not best.verdict.has_changes(TRAINING):
            return best.verdict

        parents = []
        for name in others:
            candidate = self.compare_with(name)
            if candidate.verdict.related:
                parents.append(ComparedParent(name, candidate.comparison))
        return with_merge(best.verdict, best.comparison, parents)

    def likely_relatives(self) -> list[str]:
        """Return registered models: the same weights first, then the most alike branches."""
        same = nearest.same_weights(self.session, self.fingerprint)

        near = []
        alone = 0
        for name, cosine in near_sketches.by_outline(self.session, self.fingerprint, SHORTLIST):
            if name not in same:
                near.append(name)
                alone += cosine > ALONE
        if alone == 1:
            return [*same, *near]

        sketches = near_sketches.sketches_of(self.session, near)
        likeness = {name: self.likeness(sketches[name]) for name in near}
        return [*same, *sorted(near, key=likeness.__getitem__, reverse=True)]

    def likeness(self, other: Sketches) -> float:
        """Return how alike another model's branches are, in the axes that agree better."""
        similarities = []
        for kind in KINDS:
            alignment = align(self.features.sketches, other, kind)
            if alignment:
                similarities.append(alignment.similarity)
        return max(similarities, default=0.0)

    def by_recipe(self, matches: Sequence[Match]) -> list[str]:
        """Return the names of matches by their recipes, first those that may be of one family."""
        profile = recipe_profile(self.features.model.matrices)
        profiles = nearest.profiles(self.session, [match.model for match in matches])

        places = {}
        for match in matches:
            p_value = std_p_value(match.std_distance, self.candidates)
            distance = recipe_distance(profile, profiles[match.model])
            places[match.model] = RecipePlace(p_value > ACCEPTED, distance)
        return sorted(places, key=places.__getitem__)


def verdict_on(session: Session, fingerprint: Fingerprint, matches: Sequence[Match]) -> Verdict:
    """Return what the registry says of a fingerprint.

    Args:
        matches: The nearest models by the papers' vectors, nearest first.
    """
    if fingerprint.kind == "adapter":
        return verdict_on_adapter(session, fingerprint)
    return Judge.of(session, fingerprint).verdict(matches)


def verdict_on_adapter(session: Session, fingerprint: Fingerprint) -> Verdict:
    """Return that an adapter is registered already, or which base it fits."""
    summary = models.with_digest(session, fingerprint.digest)
    registered = RegisteredAdapter(summary.name, summary.family) if summary else None
    fits = rank_bases(fingerprint, near_sketches.bases(session, fingerprint))
    return judge_adapter(fingerprint, registered, fits)
