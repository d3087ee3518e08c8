"""Which model an adapter was trained on: whose directions its updates read and write along."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from registry.fingerprints.record import Fingerprint, Space
from registry.lineage.calibration import among, nulls
from registry.lineage.verdict import CERTAIN, DERIVED, SAME_WEIGHTS, UNKNOWN, Evidence, Verdict


@dataclass(frozen=True)
class Base:
    """A model that an adapter may belong to."""

    model: str
    family: str
    spaces: tuple[Space, ...]


@dataclass(frozen=True)
class Fit:
    """How well an adapter fits a base: z, in standard deviations above an independent base, and its p-value."""

    model: str
    family: str
    z: float

    @property
    def p_value(self) -> float:
        """The chance that an independent base of the same shapes fits as well."""
        return nulls()["fit"].p_value(self.z)


def fits_shapes(adapter: Fingerprint, model: Fingerprint) -> bool:
    """Whether a model has every matrix that an adapter changes, in its shape."""
    shapes = {(m.layer, m.projection, m.rows, m.cols) for m in model.matrices}
    return all((m.layer, m.projection, m.rows, m.cols) in shapes for m in adapter.matrices)


def fitting(adapter: Fingerprint, bases: Sequence[Base]) -> list[Fit]:
    """Bases of the right shapes, the best fit first."""
    fits = [Fit(base.model, base.family, agreement(adapter.spaces, base.spaces)) for base in bases]
    return sorted(fits, key=lambda fit: -fit.z)


def agreement(adapter: Sequence[Space], model: Sequence[Space]) -> float:
    """How many standard deviations the adapter's directions agree above what those of an independent base do."""
    known = {(each.layer, each.side): each.sketch for each in model}
    pairs = [
        (each.sketch, known[each.layer, each.side])
        for each in adapter
        if (each.layer, each.side) in known
    ]
    if not pairs:
        return 0.0
    total = sum(float(np.dot(one, other)) for one, other in pairs)
    return total * math.sqrt(len(pairs[0][0]) / len(pairs))


def judge_adapter(
    adapter: Fingerprint, twin: tuple[str, str] | None, fits: Sequence[Fit]
) -> Verdict:
    """The verdict on an adapter. twin: model and family of the one with the same updates. fits: the best first."""
    if twin:
        line = Evidence("digest", f"every update equals that of {twin[0]}", 1.0, 0.0, 0.0)
        return Verdict(SAME_WEIGHTS, *twin, evidence=(line,))
    if not fits:
        nothing = "no registered model has all the matrices that it changes, in their shapes"
        return Verdict(UNKNOWN, evidence=(Evidence("shapes", nothing),))
    best, null = fits[0], nulls()["fit"]
    chance = among(best.p_value, len(fits))
    told = f"it reads and writes along the directions of {best.model}: {best.z:.1f} standard deviations above chance"
    strangers = f"the strongest of {null.pairs} independent bases came to {null.strongest:.2g}"
    line = Evidence("fit", f"{told}; {strangers}", best.z, null.start, best.p_value)
    numbers = (-math.log10(best.p_value), best.p_value, chance, len(fits))
    if chance > CERTAIN:
        told = f"its shapes fit {len(fits)} registered models, and nothing tells which"
        return Verdict(UNKNOWN, None, None, (), *numbers, (Evidence("shapes", told), line))
    how = f"{described(adapter)}, trained on it or on a relative"
    return Verdict(DERIVED, best.model, best.family, (how,), *numbers, (line,))


def described(adapter: Fingerprint) -> str:
    """What kind of adapter it is."""
    own = adapter.adapter
    return f"{own.method} adapter of rank {own.rank}" if own else "adapter"
