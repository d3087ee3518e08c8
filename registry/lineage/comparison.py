"""Two fingerprints side by side: the evidence that one comes from the other, each number beside what chance gives."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from registry.fingerprints.record import Fingerprint
from registry.lineage.calibration import nulls
from registry.lineage.changes import Changes
from registry.lineage.features import KINDS, Traits
from registry.lineage.layer_alignment import Alignment, align
from registry.lineage.spectra import closeness
from registry.lineage.vector_distances import cosine_distance


@dataclass(frozen=True)
class Comparison:
    """a: the model in question. b: the one that it may come from."""

    a: Traits
    b: Traits

    @classmethod
    def of(cls, a: Fingerprint, b: Fingerprint) -> "Comparison":
        """Of two fingerprints."""
        return cls(Traits(a), Traits(b))

    @cached_property
    def alignments(self) -> dict[str, Alignment]:
        """By kind of sketch."""
        found = {kind: align(self.a.sketches, self.b.sketches, kind) for kind in KINDS}
        return {kind: alignment for kind, alignment in found.items() if alignment}

    @cached_property
    def numbers(self) -> dict[str, float]:
        """What decides: z of the sketches by kind, and the closeness of the spectra."""
        return {kind: each.z for kind, each in self.alignments.items()} | {
            "spectra": closeness(self.a, self.b)
        }

    @cached_property
    def p_values(self) -> dict[str, float]:
        """Of each of the numbers."""
        return {kind: nulls()[kind].p_value(value) for kind, value in self.numbers.items()}

    @property
    def same(self) -> bool:
        """Whether the whole models are equal, or are once they are cast to bf16."""
        one, other = self.a.fingerprint, self.b.fingerprint
        return one.digest == other.digest or (one.cast_digest or one.digest) == (
            other.cast_digest or other.digest
        )

    @property
    def p_value(self) -> float:
        """The chance that independent models agree as well in at least one kind of evidence."""
        return min(1.0, len(self.p_values) * min(self.p_values.values()))

    @property
    def score(self) -> float:
        """How surely one comes from the other: -log10 of the smallest p-value, or what speaks against it, below 0."""
        strongest = -math.log10(min(self.p_values.values()))
        return (
            strongest
            if strongest > 0
            else max(excess(kind, value) for kind, value in self.numbers.items())
        )

    @property
    def std_distance(self) -> float | None:
        """Of the std vectors; None where they are of different projections."""
        one, other = self.a.fingerprint, self.b.fingerprint
        if one.projections != other.projections:
            return None
        return cosine_distance(one.std_vector, other.std_vector)

    @cached_property
    def alignment(self) -> Alignment | None:
        """The one that says more of which layer is which."""
        return max(self.alignments.values(), key=lambda each: each.z, default=None)

    def branch_cosine(self, branch: str) -> float | None:
        """Between the stream sketches of one branch, over the layers of a and those of b that they come from."""
        one, other = (
            self.a.sketches.tables["stream", branch],
            self.b.sketches.tables["stream", branch],
        )
        places = [
            (i, j)
            for i, j in enumerate(self.changes.places[: len(one)])
            if j is not None and j < len(other)
        ]
        own = [float(one[i] @ other[j]) for i, j in places if one[i].any() and other[j].any()]
        return float(np.mean(own)) if own else None

    @cached_property
    def changes(self) -> Changes:
        """What was done to b to get a, if a comes from it."""
        if self.alignment is not None and self.alignment.z > max(
            nulls()[kind].strongest for kind in KINDS
        ):
            return Changes.between(self.a, self.b, self.alignment)
        count = min(len(self.a.layers), len(self.b.layers))
        return Changes(
            self.a, self.b, tuple(i if i < count else None for i in range(len(self.a.layers)))
        )


def excess(kind: str, value: float) -> float:
    """How far a number is below where the tail of its null begins, in scales of it."""
    null = nulls()[kind]
    return (value - null.start) / null.scale
