"""A verdict on a pair from as few bytes as the decision needs (docs/method.md, A quick look)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from registry.architectures.adapter_merge import open_merged
from registry.database.searching.near_models import NamedModel, StartLikeness
from registry.errors import NoWeightsInFile, QuickNeedsModel
from registry.fingerprints.partial import Glimpse
from registry.fingerprints.record import Branch, Fingerprint
from registry.lineage.features import KINDS
from registry.workflows.quick_verdict import Lookup, QuickIdentification, partial_verdict
from registry.workflows.resolve import Named, Resolved, resolve

NO_FAMILY = ""


def compare_quickly(a: Named, b: Named, *, download: bool = False) -> QuickIdentification:
    """Return whether `a` comes from `b`, and what was read of `a`.

    What was done to it is not looked into, and the same weights are called derived.
    Raises RegistryError.
    """
    glimpse = glimpse_of(resolve(None, a), download=download)
    base = resolve(None, b)
    named = NamedModel(base.given, NO_FAMILY)
    other: Lookup
    if base.fingerprint:
        other = StoredModel(named, base.fingerprint)
    else:
        other = GlimpsedModel(named, glimpse_of(base, download=download))
    verdict = replace(partial_verdict(other, glimpse), family=None)
    return QuickIdentification(verdict, glimpse)


def glimpse_of(model: Resolved, *, download: bool) -> Glimpse:
    """Open a model that is read piece by piece. Raises NoWeightsInFile and QuickNeedsModel."""
    if model.source is None:
        raise NoWeightsInFile(source=model.given)
    checkpoint = open_merged(model.source, None, download=download)
    if checkpoint.kind != "model":
        raise QuickNeedsModel(source=checkpoint.source)
    return Glimpse(checkpoint)


@dataclass(frozen=True)
class StoredModel:
    """One model of which there is a fingerprint."""

    named: NamedModel
    fingerprint: Fingerprint
    candidates: int = 1

    def by_start(self, start: tuple[float, ...]) -> Sequence[StartLikeness]:
        """Return the cosine of the images of the first values."""
        known = self.fingerprint.start
        return [] if known is None else [StartLikeness(self.named, cosine(start, known))]

    def by_branch(self, branch: Branch) -> Mapping[NamedModel, float]:
        """Return the largest cosine with any layer's branch of the kind."""
        likenesses = [
            likeness
            for other in self.fingerprint.branches
            if other.branch == branch.branch
            for likeness in cosines(branch, other)
        ]
        return {self.named: max(likenesses)} if likenesses else {}


@dataclass(frozen=True)
class GlimpsedModel:
    """One model that is read piece by piece, too: of each branch the one in the same layer."""

    named: NamedModel
    glimpse: Glimpse
    candidates: int = 1

    def by_start(self, start: tuple[float, ...]) -> Sequence[StartLikeness]:
        """Return the cosine of the images of the first values."""
        return [StartLikeness(self.named, cosine(start, self.glimpse.start))]

    def by_branch(self, branch: Branch) -> Mapping[NamedModel, float]:
        """Return the cosine with the branch of the same layer."""
        other = self.glimpse.branch(branch.layer, branch.branch)
        likenesses = cosines(branch, other) if other else []
        return {self.named: max(likenesses)} if likenesses else {}


def cosines(one: Branch, other: Branch) -> list[float]:
    """Return the cosines of two branches' sketches, in each of the axes that both have."""
    pairs = [(getattr(one, kind), getattr(other, kind)) for kind in KINDS]
    return [cosine(*pair) for pair in pairs if None not in pair]


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the cosine of two lists of numbers of length 1."""
    return float(np.dot(one, other))
