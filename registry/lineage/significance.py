"""What the numbers of a comparison are worth: a p-value for each that has a measured null.

Where a null was never measured - flat starts, embeddings that two models share - a number counts
for nothing (docs/method.md, What is counted).
"""

import math
from typing import TYPE_CHECKING

from registry.lineage.calibration import null_distributions
from registry.lineage.degenerate import grew_from_identity, is_degenerate
from registry.lineage.features import ComparedModel
from registry.lineage.own_alignment import AXES
from registry.lineage.verdict import EvidenceKind

if TYPE_CHECKING:
    from registry.lineage.comparison import ModelComparison

COMMON_AXES = 0.75  # cosine of the layers above which axes that starts share do not explain it
OWN_LAYERS = 0.35  # cosine of the layers above which shared embeddings do not explain it
SMALL_VOCABULARY = 256  # tokens up to which every model learns the same path between them
TIED = "token tied"  # the null where the embedding is the head as well, or of a small vocabulary
UNSUPPORTED = 1e-3  # least p-value of tokens' axes alone there: more has not been measured


def p_values(comparison: "ModelComparison") -> dict[str, float]:
    """Return the p-value of each number alone."""
    if is_degenerate(comparison.a.model.matrices) or is_degenerate(comparison.b.model.matrices):
        return dict.fromkeys(comparison.numbers, 1.0)

    values = {}
    for kind in comparison.numbers:
        p_value = P_VALUES.get(EvidenceKind(kind), measured_p)
        values[kind] = p_value(comparison, kind)
    return values


def measured_p(comparison: "ModelComparison", kind: str) -> float:
    """Return how often unrelated pairs come to such a number, by the kind's null."""
    return null_distributions()[kind].p_value(comparison.numbers[kind])


def stream_p(comparison: "ModelComparison", kind: str) -> float:
    """Return how often the same sketches rotated at random agree as well.

    Models on the same embeddings share axes, and so do all that grew from the identity, though
    their layers be independent: 1 where these do not agree more than that explains.
    """
    alignment = comparison.alignments[kind]
    if comparison.shared_embeddings and alignment.similarity < OWN_LAYERS:
        return 1.0
    if any(map(grew, models_of(comparison))) and alignment.similarity < COMMON_AXES:
        return 1.0
    return 1.0 if alignment.p_value is None else alignment.p_value


def token_p(comparison: "ModelComparison", kind: str) -> float:
    """Return the p-value of the tokens' axes: by the wider null where every model agrees somewhat.

    With tied embeddings, and among few tokens, layers carry what follows what, which every run
    learns: there the tokens' axes alone do not decide.
    """
    if comparison.shared_embeddings and comparison.alignments[kind].similarity < OWN_LAYERS:
        return 1.0

    value = comparison.numbers[kind]
    if not learns_the_same_path(comparison):
        return null_distributions()[kind].p_value(value)
    return max(UNSUPPORTED, null_distributions()[TIED].p_value(value))


def own_p(comparison: "ModelComparison", kind: str) -> float:
    """Return the p-value of the models' own axes.

    1 where one has fewer axes than are compared, or grew from the identity: no null is known there.
    """
    for model in models_of(comparison):
        if model.hidden_size < AXES or grew(model):
            return 1.0
    return measured_p(comparison, kind)


def models_of(comparison: "ModelComparison") -> tuple[ComparedModel, ComparedModel]:
    """Return both models."""
    return comparison.a.model, comparison.b.model


def grew(model: ComparedModel) -> bool:
    """Return whether a model grew from the identity."""
    return grew_from_identity(model.matrices)


def learns_the_same_path(comparison: "ModelComparison") -> bool:
    """Return whether one of the models is tied or has a small vocabulary, as far as is known."""
    for features in (comparison.a, comparison.b):
        tokens = features.model.vocabulary or 0
        if features.model.tied is not False or tokens <= SMALL_VOCABULARY:
            return True
    return False


def combined_p(comparison: "ModelComparison", _kind: str) -> float:
    """Return the p-value of the tokens' and the own axes together (Fisher, 1925).

    -ln p_1 - ln p_2 follows a gamma law of shape 2 where both are independent.
    """
    both = token_p(comparison, EvidenceKind.TOKEN), own_p(comparison, EvidenceKind.OWN)
    total = -math.log(both[0]) - math.log(both[1])
    return math.exp(-total) * (1 + total)


P_VALUES = {
    EvidenceKind.STREAM: stream_p,
    EvidenceKind.TOKEN: token_p,
    EvidenceKind.OWN: own_p,
    EvidenceKind.COMBINED: combined_p,
}
