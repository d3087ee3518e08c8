"""A verdict from as few bytes as the decision needs, for checkpoints that are large or far away.

docs/method.md, A quick look.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from registry.database.searching.near_models import NamedModel, StartLikeness
from registry.fingerprints.partial import Glimpse
from registry.fingerprints.record import Branch
from registry.lineage.calibration import family_wise, null_distributions
from registry.lineage.judgement import CERTAIN
from registry.lineage.verdict import (
    Change,
    ChangeKind,
    Evidence,
    EvidenceKind,
    Relation,
    Verdict,
)

MOST = 0.02  # share of a model's bytes that are read at most
SMALL = 1 << 26  # bytes that are read of a small model, where that is more
SIDE = 16  # sqrt of a sketch's 256 numbers: a cosine times this is in standard deviations of chance


class QuickIdentification(NamedTuple):
    """The verdict on a source, and what was read of it."""

    verdict: Verdict
    glimpse: Glimpse


class Lookup(Protocol):
    """Models that one is looked up among while it is read."""

    @property
    def candidates(self) -> int:
        """How many there are."""

    def by_start(self, start: tuple[float, ...]) -> Sequence[StartLikeness]:
        """Return those whose tensors begin most alike, the nearest first."""

    def by_branch(self, branch: Branch) -> Mapping[NamedModel, float]:
        """Return the cosine of those with a layer most like this one."""


def partial_verdict(models: Lookup, glimpse: Glimpse) -> Verdict:
    """Read on until a base is certain, or as much was read as may be."""
    verdict = Verdict.unknown()
    for verdict in verdicts_while_reading(models, glimpse):
        if verdict.related:
            break
    return verdict


def verdicts_while_reading(models: Lookup, glimpse: Glimpse) -> Iterator[Verdict]:
    """Yield the verdict after the tensors' first values, and after every branch."""
    candidates = models.candidates
    start_lines = []
    by_start = models.by_start(glimpse.start)
    if by_start:
        named, cosine = by_start[0]
        line = z_evidence(EvidenceKind.START, SIDE * cosine, named.model)
        start_lines.append(line)
        yield verdict_so_far(glimpse, named, candidates, start_lines)

    sums: dict[NamedModel, float] = defaultdict(float)
    limit = max(int(MOST * glimpse.total), SMALL)
    for count, branch in enumerate(glimpse.branches(limit), 1):
        for named, cosine in models.by_branch(branch).items():
            sums[named] += SIDE * cosine
        if sums:
            best = max(sums, key=sums.__getitem__)
            line = z_evidence(
                EvidenceKind.LAYER,
                sums[best] / count,
                best.model,
                layer=branch.layer,
                branch=branch.branch,
            )
            yield verdict_so_far(glimpse, best, candidates, [line, *start_lines])


def z_evidence(
    kind: EvidenceKind,
    z: float,
    model: str,
    *,
    layer: int | None = None,
    branch: str | None = None,
) -> Evidence:
    """Return a z-score beside its null.

    Args:
        layer, branch: The last layer and branch that were read.
    """
    null = null_distributions()[kind]
    return Evidence(
        kind,
        value=z,
        null=null.start,
        p_value=null.p_value(z),
        strongest=null.strongest,
        pairs=null.pairs,
        model=model,
        layer=layer,
        branch=branch,
    )


def verdict_so_far(
    glimpse: Glimpse, best: NamedModel, candidates: int, lines: list[Evidence]
) -> Verdict:
    """Return the verdict on the model that agrees best; the newest line of evidence comes first.

    Two kinds of evidence can be looked at: the smaller p-value counts twice (Bonferroni).
    """
    smallest = min(line.p_value or 1.0 for line in lines)
    p_value = min(1.0, 2 * smallest)
    chance = family_wise(p_value, candidates)
    score = -math.log10(p_value)
    share_read = Evidence(EvidenceKind.READ, value=glimpse.read / glimpse.total)
    evidence = (*lines, share_read)

    if chance > CERTAIN:
        return Verdict.unknown(
            closest=best.model,
            score=score,
            p_value=p_value,
            chance=chance,
            candidates=candidates,
            evidence=evidence,
        )
    return Verdict(
        Relation.DERIVED,
        model=best.model,
        family=best.family,
        closest=best.model,
        changes=(Change(ChangeKind.PARTIAL_READ),),
        score=score,
        p_value=p_value,
        chance=chance,
        candidates=candidates,
        evidence=evidence,
    )
