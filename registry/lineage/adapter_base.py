"""Which model an adapter was trained on: whose directions its LoRA deltas read and write along.

docs/method.md, Adapters.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from registry.fingerprints.record import Fingerprint, Space
from registry.lineage.calibration import NullDistribution, family_wise, null_distributions
from registry.lineage.judgement import CERTAIN
from registry.lineage.verdict import (
    Change,
    ChangeKind,
    Evidence,
    EvidenceKind,
    Relation,
    Verdict,
)


@dataclass(frozen=True)
class CandidateBase:
    """A model that an adapter may belong to, with what its layers read and write."""

    model: str
    family: str
    spaces: tuple[Space, ...]


@dataclass(frozen=True)
class BaseFit:
    """How well an adapter fits a base: z, in standard deviations above an unrelated base."""

    model: str
    family: str
    z: float

    @property
    def p_value(self) -> float:
        """The share of unrelated bases of the same shapes that fit as well."""
        return fit_null().p_value(self.z)


class RegisteredAdapter(NamedTuple):
    """The name and family of a registered adapter."""

    name: str
    family: str


def fit_null() -> NullDistribution:
    """Return the null distribution of z."""
    return null_distributions()[EvidenceKind.FIT]


def fits_shapes(adapter: Fingerprint, model: Fingerprint) -> bool:
    """Return whether a model has every matrix that an adapter changes, in its shape."""
    needed = {(m.layer, m.projection, m.rows, m.cols) for m in adapter.matrices}
    present = {(m.layer, m.projection, m.rows, m.cols) for m in model.matrices}
    return needed <= present


def rank_bases(adapter: Fingerprint, bases: Sequence[CandidateBase]) -> list[BaseFit]:
    """Return how well an adapter fits bases of the right shapes, the best fit first."""
    fits = []
    for base in bases:
        z = direction_agreement(adapter.spaces, base.spaces)
        fits.append(BaseFit(base.model, base.family, z))
    return sorted(fits, key=z_of, reverse=True)


def z_of(fit: BaseFit) -> float:
    """Return the z of a fit, to sort by."""
    return fit.z


def direction_agreement(adapter: Sequence[Space], model: Sequence[Space]) -> float:
    """Return z = sum_i <a_i, b_i> sqrt(d / n) over the n sides of layers that both have.

    The sketches are unit vectors of d numbers: of unrelated models each product has a variance of 1
    / d. 0 without a side in common.
    """
    sketches = {(space.layer, space.side): space.sketch for space in model}
    products = []
    numbers = 0
    for space in adapter:
        other = sketches.get((space.layer, space.side))
        if other is not None:
            products.append(float(np.dot(space.sketch, other)))
            numbers = numbers or len(space.sketch)
    if not products:
        return 0.0
    return sum(products) * math.sqrt(numbers / len(products))


def judge_adapter(
    adapter: Fingerprint, registered: RegisteredAdapter | None, fits: Sequence[BaseFit]
) -> Verdict:
    """Return the verdict on an adapter.

    Args:
        registered: A registered adapter with the same deltas, if there is one.
        fits: Bases with their fits, the best first.
    """
    if registered:
        line = Evidence(
            EvidenceKind.DIGEST, value=1.0, null=0.0, p_value=0.0, model=registered.name
        )
        return Verdict(
            Relation.SAME_WEIGHTS,
            model=registered.name,
            family=registered.family,
            closest=registered.name,
            evidence=(line,),
        )
    if not fits:
        return Verdict.unknown(evidence=(Evidence(EvidenceKind.SHAPES, count=0),))
    return judge_fit(adapter, fits[0], len(fits))


def judge_fit(adapter: Fingerprint, best: BaseFit, candidates: int) -> Verdict:
    """Return the verdict on an adapter by its best fit among so many bases of its shapes."""
    null = fit_null()
    chance = family_wise(best.p_value, candidates)
    score = -math.log10(best.p_value)
    line = Evidence(
        EvidenceKind.FIT,
        value=best.z,
        null=null.start,
        p_value=best.p_value,
        strongest=null.strongest,
        pairs=null.pairs,
        model=best.model,
    )
    if chance > CERTAIN:
        shapes = Evidence(EvidenceKind.SHAPES, count=candidates)
        return Verdict.unknown(
            closest=best.model,
            score=score,
            p_value=best.p_value,
            chance=chance,
            candidates=candidates,
            evidence=(shapes, line),
        )
    return Verdict(
        Relation.DERIVED,
        model=best.model,
        family=best.family,
        closest=best.model,
        changes=(adapter_change(adapter),),
        score=score,
        p_value=best.p_value,
        chance=chance,
        candidates=candidates,
        evidence=(line,),
    )


def adapter_change(adapter: Fingerprint) -> Change:
    """Return what an adapter does to its base: its method and rank."""
    if adapter.adapter is None:
        return Change(ChangeKind.ADAPTER)
    return Change(ChangeKind.ADAPTER, amount=adapter.adapter.rank, parts=(adapter.adapter.method,))
