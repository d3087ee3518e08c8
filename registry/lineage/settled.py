"""Whether a verdict on a part of the evidence is that of all of it (docs/method.md, Grades)."""

import numpy as np

from registry.architectures.roles import WRITING
from registry.fingerprints.grades import Grade
from registry.lineage.comparison import ModelComparison
from registry.lineage.verdict import TRAINING, ChangeKind, Verdict

AGREE = 0.5  # cosine of sketches, above which nothing was turned or put in another order
TOLD_BY_ATTENTION = TRAINING | {ChangeKind.TENSORS_CHANGED}


def is_settled(comparison: ModelComparison, verdict: Verdict) -> bool:
    """Return whether more evidence would give the same relation to the same model."""
    return SETTLED[comparison.grade](comparison, verdict)


def by_attention(comparison: ModelComparison, verdict: Verdict) -> bool:
    """Return whether two layers were plainly trained further, and nothing else was done to them.

    Both alike: where one is equal the rest may be, too, or not. That models are unrelated is not
    settled: axes may have been changed. Where the output projections alone moved, what else was
    edited is to be seen.
    """
    kinds = {change.kind for change in verdict.changes}
    similarities = [alignment.similarity for alignment in comparison.alignments.values()]
    return (
        verdict.related
        and moved_alike(comparison)
        and not writes_otherwise(comparison)
        and keeps_places(comparison)
        and min(similarities) > AGREE
        and bool(kinds & TRAINING)
        and kinds <= TOLD_BY_ATTENTION
    )


def moved_alike(comparison: ModelComparison) -> bool:
    """Return whether in every layer the same matrices are equal, and not all of them."""
    pairs = comparison.changes.pairs
    equal = set()
    for layer in np.unique(pairs.layers):
        same_ones = pairs.projections[(pairs.layers == layer) & pairs.same]
        equal.add(tuple(sorted(same_ones.tolist())))
    return len(equal) == 1 and comparison.changes.equal < 1


def writes_otherwise(comparison: ModelComparison) -> bool:
    """Return whether nothing changed but what writes to the residual stream, as edits do."""
    pairs = comparison.changes.pairs
    return not (~pairs.same & ~pairs.of_projections(*WRITING)).any()


def by_sketches(comparison: ModelComparison, verdict: Verdict) -> bool:
    """Return whether models are unrelated or equal, or each matrix stands where it did.

    Spectra tell more of matrices that were turned, and of those in other shapes.
    """
    if not verdict.related or comparison.same:
        return True
    cosines = list(comparison.changes.cosines.values())
    return keeps_places(comparison) and bool(cosines) and float(np.min(cosines)) > AGREE


def by_digests(comparison: ModelComparison, _verdict: Verdict) -> bool:
    """Return whether every weight is equal."""
    return comparison.same


def keeps_places(comparison: ModelComparison) -> bool:
    """Return whether every matrix has its place and shape in both models."""
    changes = comparison.changes
    in_order = changes.places == tuple(range(changes.b.layer_count))
    unmatched = changes.unmatched
    is_complete = not unmatched.added and not unmatched.removed
    return in_order and is_complete and bool(changes.pairs.same_shape.all())


def by_all(_comparison: ModelComparison, _verdict: Verdict) -> bool:
    """Return that all evidence settles it."""
    return True


SETTLED = {
    Grade.ATTENTION: by_attention,
    Grade.DIGESTS: by_digests,
    Grade.SKETCHES: by_sketches,
    Grade.FULL: by_all,
}
