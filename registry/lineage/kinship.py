"""The verdict on a model among several that it was compared with in full."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from registry.lineage.comparison import ModelComparison
from registry.lineage.descent import Descent, DirectionReason, DirectionShown
from registry.lineage.direction import PairInOrder, direction_of
from registry.lineage.features import ModelFeatures
from registry.lineage.fits import Candidate, Fit, fits
from registry.lineage.judgement import CandidateCounts, judge
from registry.lineage.merge_shares import Merge, merge_of
from registry.lineage.relatives import Ranking, ranked
from registry.lineage.right_angles import standing, standing_of_candidate
from registry.lineage.verdict import (
    TRAINING,
    Change,
    ChangeKind,
    Evidence,
    EvidenceKind,
    Relation,
    Relative,
    Verdict,
)

ALONE = CandidateCounts()  # one model compared with one


@dataclass(frozen=True)
class ComparedCandidate:
    """A registered model that was compared in full."""

    name: str
    comparison: ModelComparison
    verdict: Verdict

    @classmethod
    def of(
        cls,
        model: ModelFeatures,
        name: str,
        candidate: ModelFeatures,
        counts: CandidateCounts = ALONE,
    ) -> "ComparedCandidate":
        """Compare a model with one of so many candidates."""
        comparison = ModelComparison(model, candidate)
        family = candidate.model.family
        return cls(name, comparison, judge(comparison, name, family, counts))

    @property
    def pair(self) -> PairInOrder:
        """The two models with the layers that correspond."""
        comparison = self.comparison
        return PairInOrder(comparison.a, comparison.b, comparison.changes.places)


def verdict_among(compared: Sequence[ComparedCandidate]) -> Verdict:
    """Return the verdict that names the nearest of several relatives, with all of them ranked.

    Args:
        compared: Candidates that a model was compared with, at least one of them related, in the
            order in which they were registered.
    """
    related = [candidate for candidate in compared if candidate.verdict.related]
    every = fits(related[0].comparison.a, list(map(as_candidate, related)))
    ranking = ranked(every)
    merge = merge_of(every)
    directions = directions_of(related, every, ranking, merge)
    order = order_of(related, ranking, merge, directions)
    tied = tied_with_first(order, ranking, related, merge)

    relatives = []
    for place in order:
        candidate = related[place]
        verdict = candidate.verdict
        relative = Relative(
            model=candidate.name,
            family=verdict.family,
            relation=verdict.verdict,
            explained=every[place].explained,
            p_value=verdict.p_value,
            score=verdict.score,
            tied=place in tied,
            changes=verdict.changes,
            direction=directions[place],
        )
        relatives.append(relative)

    first = related[order[0]].verdict
    if merge is not None:
        first = with_merge(first, merge)
    return replace(first, relatives=tuple(relatives), direction=relatives[0].direction)


def as_candidate(compared: ComparedCandidate) -> Candidate:
    """Return what is ranked of a candidate."""
    comparison = compared.comparison
    return Candidate(compared.name, comparison.b, comparison.changes.places)


def directions_of(
    related: Sequence[ComparedCandidate],
    every: Sequence[Fit],
    ranking: Ranking,
    merge: Merge | None,
) -> list[DirectionShown]:
    """Return for each relative which of it and the model came first."""
    vectors = np.stack([fit.vector for fit in every])
    gram = vectors @ vectors.T
    origins = set()
    if every[0].linear:
        origins = {place for place in ranking.hub if standing(gram, place).is_child}
    directions = []
    for place, candidate in enumerate(related):
        shown = direction_of(candidate.pair)
        if merge is not None and candidate.name in merge.names:
            shown = DirectionShown(Descent.CHILD, DirectionReason.MERGE)
        elif shown.descent == Descent.UNDECIDED and place in origins:
            shown = DirectionShown(Descent.CHILD, DirectionReason.RIGHT_ANGLE)
        elif origins and place not in ranking.tied | origins:
            shown = beside_it(gram, place, every, min(origins)) or shown
        directions.append(shown)
    return directions


def beside_it(
    gram: np.ndarray, place: int, every: Sequence[Fit], origin: int
) -> DirectionShown | None:
    """Return that a relative was made apart from what the model was made from, if it was.

    Args:
        gram: Products of (model - relative), relatives x relatives.
        place: That of the relative.
        every: What each of them explains.
        origin: Place of the one that the model was made from.
    """
    nearer = every[origin].better_than(every[place]).shown
    if nearer and standing_of_candidate(gram, place, origin).is_near_child:
        return DirectionShown(Descent.SIBLING, DirectionReason.RIGHT_ANGLE, every[origin].name)
    return None


def order_of(
    related: Sequence[ComparedCandidate],
    ranking: Ranking,
    merge: Merge | None,
    directions: Sequence[DirectionShown],
) -> list[int]:
    """Return the places of relatives: equal weights, parents of a merge, then as they are ranked.

    One that is shown to come from the model gives way to one that the model is shown to come from,
    and to one that fits as well.
    """

    def key(place: int) -> tuple[bool, bool]:
        candidate = related[place]
        of_merge = merge is not None and candidate.name in merge.names
        return not candidate.comparison.same, not of_merge

    order = sorted(ranking.order, key=key)
    if directions[order[0]].descent == Descent.PARENT:
        for place in order:
            descent = directions[place].descent
            fits_as_well = place in ranking.tied and descent != Descent.PARENT
            if fits_as_well or descent == Descent.CHILD:
                order.remove(place)
                order.insert(0, place)
                break
    return order


def tied_with_first(
    order: Sequence[int],
    ranking: Ranking,
    related: Sequence[ComparedCandidate],
    merge: Merge | None,
) -> frozenset[int]:
    """Return the places of relatives that fit as well as the first; none where nothing else does.

    The parents of a merge are not told apart by rank.
    """
    if merge is not None:
        tied = {place for place in order if related[place].name in merge.names}
    elif order[0] in ranking.tied:
        tied = set(ranking.tied)
    else:
        tied = {order[0]}
    return frozenset(tied) if len(tied) > 1 else frozenset()


def with_merge(verdict: Verdict, merge: Merge) -> Verdict:
    """Return the verdict with a merge in place of training."""
    if verdict.verdict != Relation.DERIVED:
        return verdict
    change = Change(
        ChangeKind.MERGED,
        amount=merge.shares[0],
        parts=merge.names,
        shares=merge.shares,
        by_layer=merge.by_layer,
    )
    kept = [kept for kept in verdict.changes if kept.kind not in TRAINING]
    others = ", ".join(merge.names[1:])
    line = Evidence(EvidenceKind.MIXTURE, value=merge.left**0.5, null=1.0, model=others)
    return replace(verdict, changes=(change, *kept), evidence=(line, *verdict.evidence))


def claimed_among(claimed: ComparedCandidate, others: Sequence[ComparedCandidate]) -> Verdict:
    """Return the verdict on a claimed origin, with the direction that other relatives show.

    Args:
        claimed: The model and the one that it is said to come from.
        others: The same model and others, none of them the claimed one.
    """
    verdict = claimed.verdict
    if not verdict.related:
        return verdict
    among = verdict_among([claimed, *others])
    for relative in among.relatives:
        if relative.model == claimed.name:
            return replace(verdict, direction=relative.direction, relatives=among.relatives)
    return verdict
