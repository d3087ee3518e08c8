"""Two models side by side: the numbers that decide whether they are related, with p-values."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from registry.fingerprints.equal_weights import equal_weights
from registry.fingerprints.grades import EXCERPTS, Grade, least_grade
from registry.fingerprints.outline import BRANCHES
from registry.fingerprints.record import Fingerprint, Tensor
from registry.lineage.calibration import SMALLEST, null_distributions
from registry.lineage.changes import WeightChanges
from registry.lineage.degenerate import are_flat
from registry.lineage.features import KINDS, ModelFeatures
from registry.lineage.layer_alignment import Alignment, align
from registry.lineage.layer_sources import source_layers
from registry.lineage.matrix_columns import NOWHERE, MatrixColumns
from registry.lineage.own_alignment import OwnAlignment, align_own
from registry.lineage.significance import p_values, uncounted_kinds
from registry.lineage.spectra import closeness, spectral_distance
from registry.lineage.tensor_pairs import TensorPair
from registry.lineage.vector_distances import cosine_distance
from registry.lineage.verdict import EvidenceKind

MANY_VALUES = 256  # of a matrix that is equal to another by no chance
TRAINED_ON = 0.5  # relative change up to which embeddings are another model's, trained on
LEAST_SCORE = -100.0  # where nothing counts
SURE = 1e-30  # p-value, for scores, where matrices are equal
EXCESS = frozenset(
    {EvidenceKind.STREAM, EvidenceKind.TOKEN, EvidenceKind.OWN, EvidenceKind.SPECTRA}
)


@dataclass(frozen=True)
class ModelComparison:
    """Two models side by side, compared on demand (docs/method.md, Two models side by side).

    Attributes:
        a: The model in question.
        b: The model that `a` may come from.
    """

    a: ModelFeatures
    b: ModelFeatures

    @classmethod
    def of(cls, a: Fingerprint, b: Fingerprint) -> "ModelComparison":
        """Return the comparison of two fingerprints."""
        return cls(ModelFeatures.of(a), ModelFeatures.of(b))

    @cached_property
    def alignments(self) -> dict[str, Alignment]:
        """The matched layers, by each kind of sketch that both models have."""
        width = min(self.a.model.hidden_size, self.b.model.hidden_size)
        alignments = {}
        for kind in KINDS:
            alignment = align(self.a.sketches, self.b.sketches, kind, width)
            if alignment:
                alignments[kind] = alignment
        return alignments

    @cached_property
    def spectral_distance(self) -> float:
        """The distance of the singular values, in units of the random-matrix scale."""
        return spectral_distance(self.a, self.b)

    @cached_property
    def own_alignment(self) -> OwnAlignment | None:
        """The middle layers matched in the models' own axes; None where one has no such sketch."""
        return align_own(self.a.own, self.b.own)

    @cached_property
    def numbers(self) -> dict[str, float]:
        """The numbers that decide, larger for relatives.

        z of sketches, the cosine in own axes, the closeness of spectra.
        """
        numbers: dict[str, float] = {}
        for kind, alignment in self.alignments.items():
            numbers[kind] = alignment.z
        if self.own_alignment is not None:
            numbers[EvidenceKind.OWN] = self.own_alignment.similarity
            if EvidenceKind.TOKEN in numbers:
                numbers[EvidenceKind.COMBINED] = 0.0  # its p-value says it all
        if self.grade == Grade.FULL:
            numbers[EvidenceKind.SPECTRA] = closeness(self.spectral_distance)
        return numbers

    @property
    def grade(self) -> Grade:
        """How much was measured of both models."""
        return least_grade((self.a.model.grade, self.b.model.grade))

    @cached_property
    def p_values(self) -> dict[str, float]:
        """The p-value of each of the numbers alone."""
        return p_values(self)

    @cached_property
    def uncounted(self) -> frozenset[str]:
        """The kinds of evidence that count for nothing between two such models."""
        return uncounted_kinds(self)

    @cached_property
    def shared_embeddings(self) -> bool:
        """Whether both models stand on the same embeddings, or one on the other's trained on."""
        return self.embedding_change < TRAINED_ON

    @cached_property
    def embedding_change(self) -> float:
        """The smallest relative change between embeddings of one shape; 0 where two are equal.

        Infinite where none have one shape.
        """
        least = math.inf
        for one in embeddings_of(self.a):
            for other in embeddings_of(self.b):
                pair = TensorPair(later=one, earlier=other)
                if pair.same_shape:
                    least = min(least, sketched_change(pair))
        return least

    @cached_property
    def equal_matrices(self) -> int:
        """How many matrices of a are equal to one of b, wherever that stands, once cast to bf16.

        Matrices that tell nothing, flat ones and small ones, do not count.
        """
        later, earlier = self.a.matrices, self.b.matrices
        telling = set(earlier.digests[tells(earlier)].tolist())
        return sum(digest in telling for digest in later.digests.tolist())

    @property
    def same(self) -> bool:
        """Whether the whole models are equal, or are once they are cast to bf16."""
        return equal_weights(self.a.model, self.b.model)

    @property
    def p_value(self) -> float:
        """The smallest p-value of the kinds of evidence, times how many there are (Bonferroni).

        Equal matrices leave nothing to chance.
        """
        if self.equal_matrices:
            return SMALLEST
        return min(1.0, len(self.p_values) * min(self.p_values.values(), default=1.0))

    @property
    def score(self) -> float:
        """-log10 of the smallest p-value; where that is 0, the largest excess over a null."""
        surest = min(self.p_values.values(), default=1.0)
        if self.equal_matrices:
            surest = min(surest, SURE)
        if surest < 1:
            return -math.log10(max(SMALLEST, surest))
        counted = EXCESS & self.numbers.keys() - self.uncounted
        excess = [tail_excess(kind, self.numbers[kind]) for kind in counted]
        return min(0.0, max(excess, default=LEAST_SCORE))

    @property
    def std_distance(self) -> float | None:
        """Cosine distance of the std vectors.

        None where they are of different projections, or not of all layers.
        """
        one, other = self.a.model, self.b.model
        if one.projections != other.projections or self.grade in EXCERPTS:
            return None
        return cosine_distance(one.std_vector, other.std_vector)

    @cached_property
    def alignment(self) -> Alignment | None:
        """The alignment with the larger z; None where there are no sketches in common."""
        return max(self.alignments.values(), key=z_of, default=None)

    def branch_cosine(self, branch: str) -> float | None:
        """Return the mean cosine of one branch's stream sketches over matched layers.

        None where no layer has sketches of the branch in both models.
        """
        return self.branch_cosines[branch]

    @cached_property
    def branch_cosines(self) -> dict[str, float | None]:
        """By branch what `branch_cosine` gives."""
        cosines: dict[str, float | None] = {}
        for branch in BRANCHES:
            later = self.a.sketches.tables["stream", branch]
            earlier = self.b.sketches.tables["stream", branch]
            sources = source_layers(self.changes.places, len(later), len(earlier))
            layers = np.flatnonzero(sources != NOWHERE)
            ours, theirs = later[layers], earlier[sources[layers]]
            both = ours.any(1) & theirs.any(1)
            products = np.einsum("ij,ij->i", ours[both], theirs[both])
            cosines[branch] = float(products.mean()) if len(products) else None
        return cosines

    @cached_property
    def changes(self) -> WeightChanges:
        """What was done to b to get a, if a comes from it."""
        return WeightChanges.between(self.a, self.b, self.alignments)


def embeddings_of(features: ModelFeatures) -> list[Tensor]:
    """Return the token embeddings of a model."""
    return [tensor for tensor in features.model.tensors if tensor.group == "embedding"]


def sketched_change(pair: TensorPair) -> float:
    """Return |later - earlier| / |earlier| as the sketches have both; 0 of equal tensors."""
    length = float(np.linalg.norm(pair.earlier.sketch)) or 1.0
    return pair.distance / length


def tells(matrices: MatrixColumns) -> np.ndarray:
    """Return of which matrices an equal one elsewhere would be no chance."""
    large = matrices.rows * matrices.cols >= MANY_VALUES
    telling: np.ndarray = large & (matrices.std > 0) & ~are_flat(matrices)
    return telling


def z_of(alignment: Alignment) -> float:
    """Return the z of an alignment, to compare by."""
    return alignment.z


def tail_excess(kind: str, value: float) -> float:
    """Return (value - start) / scale of a kind's null: below 0 for a value within its bulk."""
    null = null_distributions()[kind]
    return (value - null.start) / null.scale
