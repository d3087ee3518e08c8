"""What the numbers of a comparison are worth: a p-value for each that has a measured null.

Where a null was never measured - flat starts, embeddings that two models share - a number counts
for nothing (docs/method.md, What is counted).
"""

import math
from typing import TYPE_CHECKING

from registry.fingerprints.grades import EXCERPTS
from registry.fingerprints.outline import OWN_AXES
from registry.lineage.calibration import null_distributions
from registry.lineage.verdict import EvidenceKind

if TYPE_CHECKING:
    from registry.lineage.comparison import ModelComparison
    from registry.lineage.features import ModelFeatures

COMMON_AXES = 0.75  # cosine of the layers above which axes that starts share do not explain it
LEAST_LAYERS = 2  # that are matched in own axes: one can be rotated upon almost any other
OWN_LAYERS = 0.35  # cosine of the layers above which shared embeddings do not explain it


def p_values(comparison: "ModelComparison") -> dict[str, float]:
    """Return the p-value of each number alone, 1 for those that count for nothing."""
    values = {}
    for kind in comparison.numbers:
        p_value = P_VALUES.get(EvidenceKind(kind), measured_p)
        values[kind] = 1.0 if kind in comparison.uncounted else p_value(comparison, kind)
    return values


def uncounted_kinds(comparison: "ModelComparison") -> frozenset[str]:
    """Return the kinds of evidence whose null was never measured for models such as these.

    Of flat starts none counts. Models on the same embeddings share axes, and so do all that grew
    from the identity, though their layers be independent: there the layers must agree more than
    that explains. Own axes need as many axes as are compared, and more layers than one.
    """
    models = comparison.a, comparison.b
    if any(features.degenerate for features in models):
        return frozenset(comparison.numbers)

    kinds: set[str] = set()
    grown = any(features.grown_from_identity for features in models)
    unseen_embeddings = comparison.grade in EXCERPTS
    may_share = unseen_embeddings or comparison.shared_embeddings
    for kind, alignment in comparison.alignments.items():
        if may_share and alignment.similarity < OWN_LAYERS:
            kinds.add(kind)
        if kind == EvidenceKind.STREAM and grown and alignment.similarity < COMMON_AXES:
            kinds.add(kind)
    all_tell = all(tells_in_own_axes(features) for features in models)
    if grown or not all_tell or matched_in_own_axes(comparison) < LEAST_LAYERS:
        kinds |= {EvidenceKind.OWN, EvidenceKind.COMBINED}
    return frozenset(kinds)


def tells_in_own_axes(features: "ModelFeatures") -> bool:
    """Return whether agreement in own axes can count: of models with enough axes and layers."""
    return features.model.hidden_size >= OWN_AXES and features.own.shape[1] >= LEAST_LAYERS


def matched_in_own_axes(comparison: "ModelComparison") -> int:
    """Return how many layers were matched in own axes."""
    alignment = comparison.own_alignment
    return 0 if alignment is None else len(alignment.pairs)


def measured_p(comparison: "ModelComparison", kind: str) -> float:
    """Return how often unrelated pairs come to such a number, by the kind's null."""
    return null_distributions()[kind].p_value(comparison.numbers[kind])


def stream_p(comparison: "ModelComparison", kind: str) -> float:
    """Return how often the same sketches rotated at random agree as well."""
    p_value = comparison.alignments[kind].p_value
    return 1.0 if p_value is None else p_value


def combined_p(comparison: "ModelComparison", _kind: str) -> float:
    """Return the p-value of the tokens' and the own axes together (Fisher, 1925).

    -ln p_1 - ln p_2 follows a gamma law of shape 2 where both are independent.
    """
    token = measured_p(comparison, EvidenceKind.TOKEN)
    own = measured_p(comparison, EvidenceKind.OWN)
    total = -math.log(token) - math.log(own)
    return math.exp(-total) * (1 + total)


P_VALUES = {
    EvidenceKind.STREAM: stream_p,
    EvidenceKind.COMBINED: combined_p,
}
