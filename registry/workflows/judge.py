"""The verdict on a fingerprint: which registered models it is compared with, and the nearest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import NormalDist
from typing import NamedTuple

from sqlalchemy.orm import Session

from registry.database.searching import near_sketches, nearest
from registry.database.searching.nearest import Match
from registry.database.stored import fingerprints, models
from registry.database.stored.compared_models import compared_models, judged_fingerprint
from registry.fingerprints.grades import Grade
from registry.fingerprints.outline import Outline, outline
from registry.fingerprints.record import Fingerprint
from registry.lineage.adapter_base import RegisteredAdapter, judge_adapter, rank_bases
from registry.lineage.calibration import null_distributions
from registry.lineage.features import ModelFeatures, Sketches
from registry.lineage.judgement import ACCEPTED, CandidateCounts, std_p_value
from registry.lineage.kinship import ComparedCandidate, claimed_among, verdict_among
from registry.lineage.own_alignment import align_own, own_tables
from registry.lineage.settled import is_settled
from registry.lineage.shortlist import likeliest
from registry.lineage.significance import tells_in_own_axes
from registry.lineage.training_recipe import recipe_distance, recipe_profile
from registry.lineage.verdict import Evidence, EvidenceKind, Relation, Verdict

SHORTLIST = 128  # models that outlines give, which are then aligned by their sketches
# cosine of outlines, 8 standard deviations: where one model alone has it, no other is aligned
ALONE = 0.5
BY_CHANCE = (
    0.25  # unrelated models that are looked at beside relatives, of a shortlist full of them
)
OUTLINES = 3  # kinds of outlines
SIDE = 16  # sqrt of the numbers of an outline
COMPARED = 64  # of these, in full: a parent that is not compared cannot be named
LOADED = 8  # of these together, once the first is related
STRANGERS = 2  # unrelated ones in a row, after which no more are compared
OWN_SHORTLIST = 12  # where nothing else is related, aligned in own axes
BY_RECIPE = 5  # nearest by the papers' vectors, of which the family is named by its recipe


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
    outline: Outline
    candidates: CandidateCounts
    itself: str | None = None  # its name, where it is registered: it is none of its relatives
    loaded: dict[str, ModelFeatures] = field(default_factory=dict)  # by name, those read before
    compared_so_far: list[ComparedCandidate] = field(default_factory=list)

    @classmethod
    def of(cls, session: Session, fingerprint: Fingerprint, grade: Grade = Grade.FULL) -> "Judge":
        """Count the registered models that a model can be compared with.

        Args:
            grade: How much of the model was measured.
        """
        candidates = nearest.comparable(session, fingerprint)
        features = ModelFeatures.of(fingerprint, grade)
        return cls(session, fingerprint, features, outline(fingerprint), candidates)

    def has_settled(self, verdict: Verdict) -> bool:
        """Return whether more evidence would give the same verdict.

        That of a family names the model of the most similar recipe, which spectra tell.
        """
        if verdict.verdict == Relation.SAME_FAMILY:
            return self.features.model.grade == Grade.FULL
        return all(is_settled(one.comparison, one.verdict) for one in self.compared_so_far)

    @classmethod
    def of_registered(
        cls, session: Session, name: str, loaded: dict[str, ModelFeatures]
    ) -> "Judge":
        """Take a registered model for one in question.

        Args:
            loaded: Models that were read before, by name; those read now are added.
        """
        load(session, [name], loaded)
        fingerprint, vectors = judged_fingerprint(session, name)
        candidates = nearest.comparable(session, fingerprint)
        others = CandidateCounts(max(candidates.models - 1, 1), candidates.families)
        return cls(session, fingerprint, loaded[name], vectors, others, name, loaded)

    def verdict(self, matches: Sequence[Match]) -> Verdict:
        """Return the verdict: on the likeliest relative, else on the likeliest of one family.

        Args:
            matches: The nearest models by the papers' vectors.

        An unknown is that of the likeliest relative.
        """
        compared = self.compared()
        if any(candidate.verdict.related for candidate in compared):
            return verdict_among(compared)

        known = {candidate.name for candidate in compared}
        compared += [self.compare_with(name) for name in self.by_own_axes() if name not in known]
        if compared and compared[-1].verdict.related:
            return verdict_among(compared)

        by_recipe = self.by_recipe(matches[:BY_RECIPE])
        compared += [self.compare_with(name) for name in by_recipe[:1]]
        if not compared:
            return Verdict.unknown(evidence=(Evidence(EvidenceKind.CANDIDATES, count=0),))

        likeliest, last = compared[0], compared[-1]
        if last.verdict.verdict == Relation.UNKNOWN:
            return likeliest.verdict
        return last.verdict

    def verdict_on_claim(self, name: str, base: ModelFeatures) -> Verdict:
        """Return the verdict on a claimed base, with what other registered models show of it."""
        claimed = ComparedCandidate.of(self.features, name, base)
        self.compared_so_far.append(claimed)
        if not claimed.verdict.related or claimed.comparison.same:
            return claimed.verdict

        themselves = {base.model.digest, self.fingerprint.digest}
        others = []
        for candidate in self.compared():
            is_one_of_them = candidate.comparison.b.model.digest in themselves
            others += [] if is_one_of_them else [candidate]
        return claimed_among(claimed, others)

    def compare_with(self, name: str) -> ComparedCandidate:
        """Compare a registered model in full, which is loaded unless it was before."""
        load(self.session, [name], self.loaded)
        features = self.loaded[name]
        candidate = ComparedCandidate.of(self.features, name, features, self.candidates)
        self.compared_so_far.append(candidate)
        return candidate

    def compared(self) -> list[ComparedCandidate]:
        """Return the likeliest relatives, compared in full, in the order of their names.

        The first alone where it is not related.
        """
        compared: list[ComparedCandidate] = []
        strangers = 0
        names = self.likely_relatives()[:COMPARED]
        for place, name in enumerate(names):
            if name not in self.loaded:
                some = names[place : place + (LOADED if compared else 1)]
                load(self.session, some, self.loaded)
            candidate = self.compare_with(name)
            compared.append(candidate)
            strangers = 0 if candidate.verdict.related else strangers + 1
            if strangers == STRANGERS or not compared[0].verdict.related:
                break

        return sorted(compared, key=lambda candidate: by_name(candidate.name))

    def likely_relatives(self) -> list[str]:
        """Return registered models: the same weights first, then the most alike branches."""
        same = without(self.itself, nearest.same_weights(self.session, self.fingerprint))
        shortlist = near_sketches.by_outline(
            self.session, self.fingerprint, SHORTLIST, self.outline
        )
        known = {self.itself, *same}
        likenesses = [likeness for likeness in shortlist if likeness.model not in known]
        alone = sum(likeness.cosine > ALONE for likeness in likenesses)
        if alone and len(shortlist) == SHORTLIST:
            least = chance_cosine(self.candidates.models)
            likenesses = [likeness for likeness in likenesses if likeness.cosine > least]
        near = [likeness.model for likeness in likenesses]
        if alone == 1:
            return [*same, *near]

        sketches = self.sketches_of(near)
        in_order = {name: sketches[name] for name in sorted(near, key=by_name)}
        return [*same, *likeliest(self.features.sketches, in_order)]

    def sketches_of(self, names: Sequence[str]) -> Mapping[str, Sketches]:
        """Return the branches' sketches of models: of few with all else that is compared."""
        if len(names) > LOADED:
            return near_sketches.sketches_of(self.session, names)
        load(self.session, names, self.loaded)
        return {name: self.loaded[name].sketches for name in names}

    def by_own_axes(self) -> list[str]:
        """Return the model that agrees best in own axes, if unrelated ones seldom do so well.

        Nothing else finds a model whose vocabulary is new and whose stream was rotated.
        """
        return self.alike_in_own_axes[:1]

    @cached_property
    def alike_in_own_axes(self) -> list[str]:
        """The models that agree in own axes as unrelated ones seldom do, the best first.

        None, where such an agreement would count for nothing.
        """
        if not tells_in_own_axes(self.features):
            return []
        near = without(
            self.itself,
            near_sketches.by_own_axes(self.session, self.fingerprint, OWN_SHORTLIST, self.outline),
        )
        seldom = null_distributions()[EvidenceKind.OWN].start
        similarities = {}
        for name, sketches in near_sketches.own_sketches(self.session, near).items():
            alignment = align_own(self.features.own, own_tables(sketches))
            if alignment is not None and alignment.similarity > seldom:
                similarities[name] = alignment.similarity
        return sorted(similarities, key=similarities.__getitem__, reverse=True)

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


def chance_cosine(models: int) -> float:
    """Return the cosine of outlines that BY_CHANCE of so many unrelated models exceed, on average.

    A cosine of 256 independent numbers has a standard deviation of 1/16; three are looked at.
    """
    share = min(1.0, BY_CHANCE / (OUTLINES * max(models, 1)))
    return NormalDist().inv_cdf(1 - share) / SIDE


def by_name(name: str) -> tuple[int, str]:
    """Return what decides between copies: the shorter name, whenever it was registered."""
    return len(name), name


def without(itself: str | None, names: Sequence[str]) -> list[str]:
    """Return the names of the others."""
    return [name for name in names if name != itself]


def load(session: Session, names: Sequence[str], loaded: dict[str, ModelFeatures]) -> None:
    """Add what comparisons read of registered models to those loaded before, by one query."""
    missing = [name for name in names if name not in loaded]
    for name, model in compared_models(session, missing).items():
        loaded[name] = ModelFeatures(model)


def verdict_on_registered(session: Session, name: str, loaded: dict[str, ModelFeatures]) -> Verdict:
    """Return what the registry says of one of its models, seen among the others.

    Args:
        loaded: Models that were read before, by name; those read now are added.

    Raises ModelNotFound.
    """
    model = models.find(session, name)
    if model.kind == "adapter":
        fingerprint = fingerprints.load(session, name).fingerprint
        fits = rank_bases(fingerprint, near_sketches.bases(session, fingerprint))
        return judge_adapter(fingerprint, None, fits)
    judge = Judge.of_registered(session, name, loaded)
    matches = nearest.nearest(session, judge.fingerprint, BY_RECIPE + 1)
    return judge.verdict([match for match in matches if match.model != name])


def verdict_on_adapter(session: Session, fingerprint: Fingerprint) -> Verdict:
    """Return that an adapter is registered already, or which base it fits."""
    summary = models.with_digest(session, fingerprint.digest)
    registered = RegisteredAdapter(summary.name, summary.family) if summary else None
    fits = rank_bases(fingerprint, near_sketches.bases(session, fingerprint))
    return judge_adapter(fingerprint, registered, fits)
