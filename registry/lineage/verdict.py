"""The records of a verdict: what was decided, what was changed, and the evidence.

Numbers, no sentences.

registry/report/wording.py makes English of them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from registry.fingerprints.grades import Grade
from registry.lineage.descent import DirectionShown


class Relation(StrEnum):
    """How a model is related to the one that a verdict names."""

    SAME_WEIGHTS = "same weights"
    QUANTISED_COPY = "quantised copy"
    DERIVED = "derived"
    SAME_FAMILY = "same family"
    UNKNOWN = "unknown"


RELATED = frozenset({Relation.SAME_WEIGHTS, Relation.QUANTISED_COPY, Relation.DERIVED})
PREPOSITIONS = {
    Relation.SAME_WEIGHTS: "as",
    Relation.QUANTISED_COPY: "of",
    Relation.DERIVED: "from",
    Relation.SAME_FAMILY: "as",
}


class ChangeKind(StrEnum):
    """What can have been done to a model's weights; the comment says what amount and parts are."""

    # depth; amount: how many layers
    LAYERS_REMOVED = "layers removed"  # parts: their numbers in the base
    LAYERS_STACKED = "layers stacked"  # parts: the base's layers that come several times
    LAYERS_INSERTED = "layers inserted"  # parts: in the model, copies that write as none before
    LAYERS_REORDERED = "layers reordered"  # parts: those of the base out of their order
    LAYERS_WITHOUT_SOURCE = "layers without a source"  # parts: their numbers in the model
    # size; amount: now; parts: before
    WIDTH = "width"  # of the residual stream
    NEURONS = "neurons"  # of a layer's MLP, or of an expert
    HEADS = "query heads"  # rows of a layer's query projection, all heads together
    KV_HEADS = "key and value heads"  # rows of the key projection
    EXPERTS = "experts"  # of a layer; 1 where there are none
    VOCABULARY_SIZE = "vocabulary size"  # tokens
    # the same function in other numbers
    STREAM_ROTATED = "residual stream rotated or permuted"
    NORMS_FOLDED = "norm gains folded"
    NEURONS_REPARAMETERISED = "neurons permuted or rescaled"
    HEADS_REPARAMETERISED = "heads permuted or rescaled"
    QUERY_KEY_REPARAMETERISED = "query and key mapped"  # rows permuted, rotated or rescaled
    EXPERTS_REORDERED = "experts reordered"
    # precision and zeros
    QUANTISED = "quantised"  # amount: about how many bits; parts: the format, where it is stored so
    PRUNED = "pruned"  # amount: share of the weights that became zero
    # parts: which projections; amount: how many matrices
    PROJECTIONS_REMOVED = "projections removed"
    PROJECTIONS_ADDED = "projections added"
    PROJECTIONS_ZEROED = "projections zeroed"  # amount: how many; parts: names of the tensors
    # training; amount: |change| / |weights|, None where it cannot be told; parts: layers, if few
    LORA_LIKE = "LoRA-like"  # amount: rank of the change
    CONTINUED_TRAINING = "continued training"
    FINE_TUNED = "fine-tuned"
    # edits; parts: the projections that changed, then numbers of layers, where others kept theirs
    DIRECTION_REMOVED = "directions removed"  # amount: how many, of what writes to the stream
    MATRICES_EDITED = "matrices edited"  # amount: how many matrices, all others are equal
    # tensors outside the projections; amount: |change| / |weights|; parts: their group
    TENSORS_CHANGED = "tensors changed"  # embedding, head, norm, router, latent, bias and the like
    TENSORS_ADDED = "tensors added"  # amount: how many; parts: their group
    TENSORS_REMOVED = "tensors removed"  # amount: how many; parts: their group
    HEAD_UNTIED = "head untied"  # the head has weights of its own, the base's were the embedding's
    TOKENS_REORDERED = "tokens reordered"
    TOKENS_EMBEDDED_ANEW = "tokens embedded anew"
    OTHER_WEIGHTS = "embedding, head or norms"  # which is unknown: stored without these tensors
    # the rest
    NOT_TOLD_APART = "not told apart"  # weights differ; parts: groups or projections
    MERGED = "merged"  # amount: share of the first parent; parts: names of all parents
    ADAPTER = "adapter"  # amount: rank; parts: method
    PARTIAL_READ = "partial read"  # too little was read to tell what was changed
    STATED = "stated"  # parts: the sentence, of verdicts stored before there were kinds


TRAINING = frozenset({ChangeKind.FINE_TUNED, ChangeKind.CONTINUED_TRAINING, ChangeKind.LORA_LIKE})


@dataclass(frozen=True)
class Change:
    """One thing that was done to the base's weights; ChangeKind says what amount and parts are.

    Attributes:
        shares: Of a merge's parents, in the order of `parts`.
        by_layer: The same for what stands in no layer, if anything does, then for every layer;
            empty where they are the same everywhere.
        evidence: What the change is named by: numbers beside those of ordinary children.
        stated: Of a quantisation, the precision that the file states where the values have less.
    """

    kind: ChangeKind
    amount: float | None = None
    parts: tuple[int | str, ...] = ()
    shares: tuple[float, ...] = ()
    by_layer: tuple[tuple[float, ...], ...] = ()
    evidence: tuple["Evidence", ...] = ()
    stated: str | None = None


class EvidenceKind(StrEnum):
    """What a line of evidence is about."""

    DIGEST = "digest"
    STREAM = "stream"  # sketches of the branches in the axes of the residual stream
    TOKEN = "token"  # noqa: S105  # the same in the axes of the token embeddings
    OWN = "own axes"  # the same in axes that each model itself gives
    COMBINED = "token and own axes"  # both together, as -log10 of their p-value
    SPECTRA = "spectra"
    EQUAL_MATRICES = "equal matrices"
    EQUAL_EMBEDDINGS = "equal embeddings"
    WEIGHTS = "weights"  # sketches of the matrices themselves
    STD_VECTOR = "std vector"
    MIXTURE = "mixture"
    CANDIDATES = "candidates"
    FIT = "fit"  # of an adapter's directions to a base's
    SHAPES = "shapes"  # of an adapter's matrices
    START = "start"  # the first values of every tensor, in a partial read
    LAYER = "layer"  # one branch after the other, in a partial read
    READ = "read"  # share of the bytes that a partial read took
    # of a change: numbers beside those of ordinary children (edits.toml)
    FIRST_DIRECTIONS = "first directions"  # share of the change's energy in singular values
    SHARED_DIRECTIONS = "shared directions"  # share of it in the same directions in all matrices
    ENERGY_LOST = "energy lost"  # by the weights, in units of the change's energy
    ALONG_WEIGHTS = "along the weights"  # squared cosine of the change with what stood there
    LEFT_OVER = "left over"  # share of the weights' energy that is left in these directions
    MATRICES_CHANGED = "matrices changed"  # share of all matrices
    DISTINCT_VALUES = "distinct values"  # among neighbours, of the base's


class Direction(StrEnum):
    """Which values of a line of evidence speak for a relation."""

    HIGHER = "higher"
    LOWER = "lower"


LOWER_IS_CLOSER = frozenset(
    {
        EvidenceKind.SPECTRA,
        EvidenceKind.STD_VECTOR,
        EvidenceKind.MIXTURE,
        EvidenceKind.LEFT_OVER,
        EvidenceKind.MATRICES_CHANGED,
        EvidenceKind.DISTINCT_VALUES,
    }
)
WITHOUT_DIRECTION = frozenset({EvidenceKind.CANDIDATES, EvidenceKind.SHAPES, EvidenceKind.READ})


@dataclass(frozen=True)
class Evidence:
    """One line of evidence: a number beside what unrelated models give, all on one scale.

    Of a change, beside what ordinary children of a known parent give: `pairs` of them.

    Attributes:
        value: The number itself; `direction` says whether higher or lower is closer.
        null: The 95th or 99th percentile of unrelated pairs (calibration.toml: above); the 5th or
            1st where lower is closer.
        strongest: The closest of `pairs` unrelated pairs.
        p_value: The p-value of this line alone, uncorrected.
        cosine: Mean cosine of matched layers.
        count, total: How many of how many (equal or changed matrices, candidates, directions).
        families: How many families the candidates belong to.
        model: The model that the line is about, if not the verdict's.
        layer, branch: Where a partial read stands.
        cast: Whether the digests are equal only after a cast to bf16.
        sentence: What was stored with the line before there were kinds.
    """

    kind: EvidenceKind
    value: float | None = None
    null: float | None = None
    p_value: float | None = None
    strongest: float | None = None
    pairs: int | None = None
    cosine: float | None = None
    count: int | None = None
    total: int | None = None
    families: int | None = None
    model: str | None = None
    layer: int | None = None
    branch: str | None = None
    cast: bool = False
    sentence: str | None = None

    @property
    def direction(self) -> Direction | None:
        """Which values are closer; None where a line has no such number."""
        if self.value is None or self.kind in WITHOUT_DIRECTION:
            return None
        return Direction.LOWER if self.kind in LOWER_IS_CLOSER else Direction.HIGHER


@dataclass(frozen=True)
class Relative:
    """A registered model that was compared in full and is related.

    Attributes:
        model, family: What it is registered as.
        relation: To the model in question.
        explained: 1 - |model - relative|^2 / |model|^2 over all weights; 0 without a counterpart.
        p_value, score: Of the pair, as of a verdict.
        tied: Whether it fits as well as the first, within the error of the sketches.
        changes: What was done to it.
        direction: Which of the two came first, where it was looked into.
    """

    model: str
    family: str | None
    relation: Relation
    explained: float
    p_value: float | None
    score: float | None
    tied: bool = False
    changes: tuple[Change, ...] = ()
    direction: DirectionShown | None = None


@dataclass(frozen=True)
class Verdict:
    """What is said of a model or adapter.

    Attributes:
        verdict: The relation.
        model, family: What it names, None when unknown.
        closest: The nearest of those that were compared, named or not.
        changes: What was done to `model`.
        score: -log10 of the smallest p-value of the lines that decide, comparable across pairs; at
            most 0 where none speaks for a relation.
        p_value: The p-value of one comparison, corrected for its kinds of evidence.
        chance: Family-wise p over `candidates`.
        candidates: How many models were compared.
        evidence: The lines of evidence, the deciding ones first.
        relatives: Related models, the one that is named first; empty where one pair alone was
            compared.
        direction: Which of the model and that named came first; None where none was named, and
            of verdicts that were stored.

    `grade` says on how much of the models it rests. `score`, `p_value` and `chance` are None where
    nothing was compared.
    """

    verdict: Relation
    model: str | None = None
    family: str | None = None
    closest: str | None = None
    changes: tuple[Change, ...] = ()
    score: float | None = None
    p_value: float | None = None
    chance: float | None = None
    candidates: int = 0
    evidence: tuple[Evidence, ...] = ()
    relatives: tuple[Relative, ...] = ()
    direction: DirectionShown | None = None
    grade: Grade = Grade.FULL

    @classmethod
    def unknown(cls, **numbers: Any) -> "Verdict":
        """Return the verdict that names nothing, with the numbers that it rests on."""
        return cls(Relation.UNKNOWN, **numbers)

    @property
    def related(self) -> bool:
        """Whether the weights were made from the model's."""
        return self.verdict in RELATED

    @property
    def every_line(self) -> tuple[Evidence, ...]:
        """The evidence, and that of the changes."""
        lines = list(self.evidence)
        for change in self.changes:
            lines += change.evidence
        return tuple(lines)

    def has_changes(self, kinds: frozenset[ChangeKind]) -> bool:
        """Return whether any of the changes is of one of these kinds."""
        return any(change.kind in kinds for change in self.changes)

    def __str__(self) -> str:
        """Return the headline: the relation and the model named, as `derived from llama-tiny`."""
        if self.model is None:
            return str(self.verdict)
        return f"{self.verdict} {PREPOSITIONS[self.verdict]} {self.model}"
