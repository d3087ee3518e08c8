"""What a change is called: records of what was done to a model, from the numbers of a comparison.

docs/method.md, What was done to it.
"""

from collections.abc import Iterator

from registry.lineage.calibration import null_distributions
from registry.lineage.changes import WeightChanges
from registry.lineage.comparison import ModelComparison
from registry.lineage.verdict import Change, ChangeKind

ALIKE = 0.5  # cosine of two matrices' sketches above which they stand in the same axes
UNCHANGED = 0.9999  # cosine below which a matrix has changed visibly
FAITHFUL = (
    0.5  # of a matrix's own change: a branch that changed less was re-parameterised, not trained
)
HEAVY = 0.25  # |change| / |weights| from which training is called continued
PRUNED = 0.08  # share of weights that became zero
COARSER = 0.85  # of the earlier model's variety of values: below, the later is quantised
FOUR_BITS = 0.25  # variety up to which there are about 4 bits, else about 8
QUANTISATION_ERROR = {4: 0.2, 8: 0.03}  # |change| / |weights| that quantisation alone gives at most
NEURONS = ("up", "down")  # of the mlp's branch
HEADS = ("value", "output")  # of attention's branch


def changes_of(comparison: ModelComparison) -> tuple[Change, ...]:
    """Return everything that was done to b to get a, the largest step first."""
    return (
        *depth_changes(comparison.changes),
        *reparameterisations(comparison),
        *quantisation(comparison),
        *pruning(comparison),
        *training(comparison),
        *vocabulary(comparison),
    )


def depth_changes(changes: WeightChanges) -> Iterator[Change]:
    """Yield layers that went, came several times or are new."""
    if changes.removed:
        yield Change(ChangeKind.LAYERS_REMOVED, parts=changes.removed)
    if changes.repeated:
        yield Change(ChangeKind.LAYERS_STACKED, parts=changes.repeated)
    if changes.without_source:
        yield Change(ChangeKind.LAYERS_WITHOUT_SOURCE, parts=changes.without_source)


def reparameterisations(comparison: ModelComparison) -> Iterator[Change]:
    """Yield changes that preserve the function: matrices differ where their invariants agree."""
    if stream_rotated(comparison):
        yield Change(ChangeKind.STREAM_ROTATED)
        return

    rewritten = set()
    for projection in (*NEURONS, *HEADS):
        cosine = comparison.changes.cosines.get(projection, 1.0)
        if cosine < UNCHANGED:
            own_change = 1 - cosine
            if branch_change(comparison, projection) < FAITHFUL * own_change:
                rewritten.add(projection)

    if rewritten & set(NEURONS):
        yield Change(ChangeKind.NEURONS_REPARAMETERISED)
    if rewritten & set(HEADS):
        yield Change(ChangeKind.HEADS_REPARAMETERISED)


def stream_rotated(comparison: ModelComparison) -> bool:
    """Return whether token sketches or spectra agree where the stream's axes do not.

    Never of equal weights: where an older registry recorded no sketches, none of them can agree.
    """
    if comparison.same:
        return False

    for cosine in comparison.changes.cosines.values():
        if cosine >= ALIKE:
            return False
    stream = comparison.p_values.get("stream", 1.0)
    return stream > min(comparison.p_values.values())


def branch_change(comparison: ModelComparison, projection: str) -> float:
    """Return 1 - cosine of the stream sketches of a projection's branch, at the matched layers.

    1 where the layers' match is no stronger than that of unrelated models.
    """
    alignment = comparison.alignment
    if alignment is None or alignment.z <= null_distributions()["stream"].strongest:
        return 1.0

    branch = "mlp" if projection in NEURONS else "attention"
    cosine = comparison.branch_cosine(branch)
    return 1.0 if cosine is None else 1 - cosine


def quantisation(comparison: ModelComparison) -> Iterator[Change]:
    """Yield a quantisation, recognised by how few different values are left."""
    bits = quantised_bits(comparison)
    if bits:
        yield Change(ChangeKind.QUANTISED, amount=bits)


def quantised_bits(comparison: ModelComparison) -> int | None:
    """Return about how many bits the weights were quantised to, None where they were not."""
    variety = comparison.changes.variety
    if not variety.later:
        return None

    stored_quantised = comparison.a.model.stored and not comparison.b.model.stored
    nonzero = 1 - max(0.0, comparison.changes.zeros)
    if variety.later > COARSER * variety.earlier * nonzero and not stored_quantised:
        return None
    return 4 if variety.later < FOUR_BITS else 8


def pruning(comparison: ModelComparison) -> Iterator[Change]:
    """Yield weights that became zero, unless quantisation explains them."""
    zeros = comparison.changes.zeros
    if zeros > PRUNED and not quantised_bits(comparison):
        yield Change(ChangeKind.PRUNED, amount=zeros)


def training(comparison: ModelComparison) -> Iterator[Change]:
    """Yield a change of the values by training, beyond what other changes explain."""
    changes = comparison.changes
    if not changes.sizes or explained_otherwise(comparison):
        return

    size = changes.relative
    if changes.rank:
        yield Change(ChangeKind.LORA_LIKE, amount=changes.rank)
    elif size > HEAVY:
        yield Change(ChangeKind.CONTINUED_TRAINING, amount=size)
    else:
        yield Change(ChangeKind.FINE_TUNED, amount=size)


def explained_otherwise(comparison: ModelComparison) -> bool:
    """Return whether rounding, quantisation, pruning or other axes explain the change."""
    changes = comparison.changes
    size = changes.relative
    bits = quantised_bits(comparison)
    same_axes = any(cosine > ALIKE for cosine in changes.cosines.values())
    if not same_axes or changes.zeros > PRUNED or size <= changes.rounding:
        return True
    if bits and size <= QUANTISATION_ERROR[bits]:
        return True
    return any(reparameterisations(comparison))


def vocabulary(comparison: ModelComparison) -> Iterator[Change]:
    """Yield tokens that were added, removed or embedded anew, or other weights' change."""
    later, earlier = comparison.a.model.vocabulary, comparison.b.model.vocabulary
    if later and earlier and later != earlier:
        yield Change(ChangeKind.VOCABULARY_SIZE, amount=later, parts=(earlier,))
        return

    alignments = comparison.alignments
    if {"stream", "token"} <= set(alignments) and alignments["token"].similarity < ALIKE / 2:
        if alignments["stream"].similarity > ALIKE:
            yield Change(ChangeKind.TOKENS_EMBEDDED_ANEW)
    elif comparison.changes.whole and not comparison.same:
        yield Change(ChangeKind.OTHER_WEIGHTS)
