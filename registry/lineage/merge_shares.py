"""Whether a model is a linear merge of two others: sketches are linear in the weights."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from registry.lineage.comparison import ModelComparison
from registry.lineage.verdict import (
    TRAINING,
    Change,
    ChangeKind,
    Evidence,
    EvidenceKind,
    Relation,
    Verdict,
)

EXPLAINED = 0.5  # of the distance to the nearer parent that a merge may leave at most
LEAST_SHARE = 0.05  # of a parent, below which it counts as none


@dataclass(frozen=True)
class MergeShares:
    """The best fit of a model by share * first + (1 - share) * second parent.

    Attributes:
        residual: |model - fit| over |model - nearer parent|.
    """

    share: float
    residual: float

    @property
    def plausible(self) -> bool:
        """Whether both parents are in it, and explain it."""
        return self.residual < EXPLAINED and LEAST_SHARE < self.share < 1 - LEAST_SHARE


class ComparedParent(NamedTuple):
    """A registered model that the same model was compared with."""

    name: str
    comparison: ModelComparison


class SketchTriple(NamedTuple):
    """Sketches of one matrix: of the model and of both parents."""

    model: np.ndarray
    first: np.ndarray
    second: np.ndarray


def with_merge(
    verdict: Verdict, comparison: ModelComparison, others: Sequence[ComparedParent]
) -> Verdict:
    """Return the verdict, with a merge in place of training where the model is one of two parents.

    Args:
        comparison: The comparison with the verdict's model.
        others: Related models that may be the second parent; the one whose merge leaves least is
            taken.
    """
    if verdict.verdict != Relation.DERIVED or verdict.model is None:
        return verdict

    best: MergeShares | None = None
    second = ""
    for other in others:
        shares = merge_shares(comparison, other.comparison)
        if shares and shares.plausible and (best is None or shares.residual < best.residual):
            best, second = shares, other.name
    if best is None:
        return verdict

    merge = Change(ChangeKind.MERGED, amount=best.share, parts=(verdict.model, second))
    kept = [change for change in verdict.changes if change.kind not in TRAINING]
    line = Evidence(EvidenceKind.MIXTURE, value=best.residual, null=1.0, model=second)
    return replace(verdict, changes=(merge, *kept), evidence=(line, *verdict.evidence))


def merge_shares(first: ModelComparison, second: ModelComparison) -> MergeShares | None:
    """Fit one model, compared with two others, by least squares under shares that sum to 1.

    share = <m - b, a - b> / |a - b|^2 over the sketches of all matrices that the three have in
    common; None where there are none, or the parents are equal.
    """
    triples = list(common_sketches(first, second))
    if not triples:
        return None

    model = np.concatenate([triple.model.ravel() for triple in triples])
    one = np.concatenate([triple.first.ravel() for triple in triples])
    other = np.concatenate([triple.second.ravel() for triple in triples])
    across = one - other
    length = float(across @ across)
    if not length:
        return None

    share = float((model - other) @ across) / length
    to_first = float(np.linalg.norm(model - one))
    to_second = float(np.linalg.norm(model - other))
    nearer = min(to_first, to_second)
    rest = float(np.linalg.norm(model - share * one - (1 - share) * other))
    return MergeShares(share, rest / nearer if nearer else 1.0)


def common_sketches(first: ModelComparison, second: ModelComparison) -> Iterator[SketchTriple]:
    """Yield the sketches of the matrices that the model and both parents have."""
    partners = {pair.place: pair for pair in second.changes.pairs}
    for pair in first.changes.pairs:
        partner = partners.get(pair.place)
        if pair.sketches and partner and partner.sketches:
            yield SketchTriple(pair.sketches.later, pair.sketches.earlier, partner.sketches.earlier)
