"""The verdict on a model among several that it was compared with in full."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from registry.lineage.comparison import ModelComparison
from registry.lineage.features import ModelFeatures
from registry.lineage.fits import Candidate
from registry.lineage.judgement import CandidateCounts, judge
from registry.lineage.kin import Kin, kin_of
from registry.lineage.merge_shares import Merge
from registry.lineage.ordered_pair import PairInOrder
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
    kin = kin_of([one.pair for one in related], list(map(as_candidate, related)))
    order = order_of(related, kin)
    tied = tied_with_first(order, related, kin)

    relatives = []
    for place in order:
        candidate = related[place]
        verdict = candidate.verdict
        relative = Relative(
            model=candidate.name,
            family=verdict.family,
            relation=verdict.verdict,
            explained=kin.every[place].explained,
            p_value=verdict.p_value,
            score=verdict.score,
            tied=place in tied,
            changes=verdict.changes,
            direction=kin.directions[place],
        )
        relatives.append(relative)

    first = related[order[0]].verdict
    if kin.merge is not None:
        first = with_merge(first, kin.merge)
    return replace(first, relatives=tuple(relatives), direction=relatives[0].direction)


def as_candidate(compared: ComparedCandidate) -> Candidate:
    """Return what is ranked of a candidate."""
    comparison = compared.comparison
    return Candidate(compared.name, comparison.b, comparison.changes.places)


def order_of(related: Sequence[ComparedCandidate], kin: Kin) -> list[int]:
    """Return the places of relatives: equal weights, parents of a merge, then as they are ranked.

    One that is shown to come from the model gives way to all others.
    """
    names = kin.merge.names if kin.merge else ()

    def key(place: int) -> tuple[bool, bool]:
        candidate = related[place]
        return not candidate.comparison.same, candidate.name not in names

    return sorted(kin.ranking.order, key=key)


def tied_with_first(
    order: Sequence[int], related: Sequence[ComparedCandidate], kin: Kin
) -> frozenset[int]:
    """Return the places of relatives that fit as well as the first; none where nothing else does.

    The parents of a merge are not told apart by rank.
    """
    if kin.merge is not None:
        tied = {place for place in order if related[place].name in kin.merge.names}
    elif order[0] in kin.ranking.tied:
        tied = set(kin.ranking.tied)
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
