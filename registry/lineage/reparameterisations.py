"""Changes that preserve the function: matrices differ where what they do together agrees."""

import math
from collections.abc import Iterator

import numpy as np

from registry.fingerprints.record import Tensor
from registry.lineage.comparison import ModelComparison
from registry.lineage.layer_table import Layer
from registry.lineage.matrix_columns import DENSE
from registry.lineage.quantisation import PRUNED, quantised_bits
from registry.lineage.rotated import mapped_within_heads
from registry.lineage.tensor_pairs import NORM, TensorChanges
from registry.lineage.verdict import Change, ChangeKind

OTHER_AXES = 0.5  # cosine of two matrices' sketches below which they stand in other axes
KEPT = 0.75  # cosine above which a matrix kept its axes, however it was trained
VISIBLE = 0.1  # 1 - cosine of a matrix that is called rewritten
RESCALED = 0.01  # 1 - cosine of a matrix whose columns were scaled
VISIBLE_GAINS = 0.01  # |change| / |gains| that training alone seldom exceeds
EXACT = 0.1  # of a matrix's own change, that rounding leaves of a branch
FAITHFUL = 0.4  # of a matrix's own change: a branch that changed less was rewritten, not trained
FAR = 0.5  # |change| / |weights| that no training of two projections alone comes to
BEYOND = 0.25  # of it, that all others may have changed
UNSEEN = 0.3  # cosine of the branches in the stream's axes, below which these say nothing
FLAT = 1e-6  # relative difference of a norm's length from that of gains that are all one
NEURONS = ("up", "down")  # reading and writing
HEADS = ("value", "output")
QUERY_KEY = ("query", "key")
READING = frozenset({"query", "key", "value", "gate", "up"})  # they take the gains of a norm
BRANCH_OF = {"output": "attention", "down": "mlp"}


def reparameterisations(
    comparison: ModelComparison, tensors: TensorChanges | None
) -> Iterator[Change]:
    """Yield the rewritings of the whole stream, of norms, of neurons, of heads and of experts."""
    if norms_folded(tensors) or norms_rescaled(comparison, tensors):
        yield Change(ChangeKind.NORMS_FOLDED)
    if stream_rotated(comparison):
        yield Change(ChangeKind.STREAM_ROTATED)
        if mapped_within_heads(comparison):
            yield Change(ChangeKind.HEADS_REPARAMETERISED)
        return

    if rewritten(comparison, NEURONS):
        yield Change(ChangeKind.NEURONS_REPARAMETERISED)
    if rewritten(comparison, HEADS) or alone_in_other_axes(comparison, HEADS):
        yield Change(ChangeKind.HEADS_REPARAMETERISED)
    elif alone_in_other_axes(comparison, QUERY_KEY):
        yield Change(ChangeKind.QUERY_KEY_REPARAMETERISED)
    if experts_reordered(comparison):
        yield Change(ChangeKind.EXPERTS_REORDERED)


def rewritten_projections(changes: frozenset[ChangeKind]) -> frozenset[str]:
    """Return the projections whose values such changes explain."""
    projections: set[str] = set()
    if ChangeKind.NORMS_FOLDED in changes:
        projections |= READING
    if ChangeKind.NEURONS_REPARAMETERISED in changes:
        projections |= {"gate", *NEURONS}
    if ChangeKind.HEADS_REPARAMETERISED in changes:
        projections |= {*HEADS, *QUERY_KEY}
    if ChangeKind.QUERY_KEY_REPARAMETERISED in changes:
        projections |= {*QUERY_KEY}
    return frozenset(projections)


def stream_rotated(comparison: ModelComparison) -> bool:
    """Return whether nothing agrees in the stream's axes, though the models are related.

    Only models of one width can tell. Never of equal weights: where an older registry recorded no
    sketches, none of them can agree.
    """
    cosines = comparison.changes.cosines
    if comparison.same or not cosines or max(cosines.values()) >= OTHER_AXES:
        return False
    if comparison.a.model.hidden_size != comparison.b.model.hidden_size:
        return False
    return branch_similarity(comparison) < UNSEEN


def branch_similarity(comparison: ModelComparison) -> float:
    """Return the mean cosine of the branches in the stream's axes, at the matched layers."""
    cosines = []
    for branch in ("attention", "mlp"):
        cosine = comparison.branch_cosine(branch)
        if cosine is not None:
            cosines.append(cosine)
    return sum(cosines) / len(cosines) if cosines else 0.0


def rewritten(comparison: ModelComparison, projections: tuple[str, str]) -> bool:
    """Return whether a branch's writing matrix changed far more than its product with the reading.

    Gains that are folded change what reads alone. Rounding averages out in a product as well: of
    coarser weights, only other axes count.
    """
    coarser = quantised_bits(comparison) is not None or comparison.changes.zeros > PRUNED
    least = 1 - OTHER_AXES if coarser else VISIBLE
    _, writing = projections
    branch = comparison.branch_cosine(BRANCH_OF[writing])
    change = 1 - comparison.changes.cosines.get(writing, 1.0)
    return branch is not None and change > least and 1 - branch < FAITHFUL * change


def alone_in_other_axes(comparison: ModelComparison, projections: tuple[str, str]) -> bool:
    """Return whether two projections that meet within heads stand in other axes, and all else not.

    Training moves all alike, so that a map between the two is left: rows permuted or mapped.
    """
    cosines = comparison.changes.cosines
    if not set(projections) <= set(cosines):
        return False
    if far_beyond_others(comparison, projections):
        return True
    for projection, cosine in cosines.items():
        moved = cosine < OTHER_AXES
        if projection in projections and not moved:
            return False
        others = {"output", "up", "down"} - set(projections)
        if projection in others and cosine < KEPT and not rewritten(comparison, NEURONS):
            return False
    return True


def far_beyond_others(comparison: ModelComparison, projections: tuple[str, str]) -> bool:
    """Return whether two projections moved by far more than all that is not in their branch."""
    medians = dict(comparison.changes.median_sizes)
    least = min(medians.pop(projection) for projection in projections)
    rest = max(medians.values(), default=least)
    return least > FAR and rest < BEYOND * least


def norms_folded(tensors: TensorChanges | None) -> bool:
    """Return whether most gains that changed became one, or zero where one is added to them."""
    if tensors is None:
        return False
    folded = 0
    changed = 0
    for pair in tensors.of_group(NORM):
        if is_gain(pair.earlier) and not pair.same:
            changed += 1
            folded += is_flat(pair.later)
    return 0 < changed < 2 * folded


def norms_rescaled(comparison: ModelComparison, tensors: TensorChanges | None) -> bool:
    """Return whether gains changed, and what reads them changed far more than the branches.

    So it is where channels are scaled before quantisation, and the gains by the inverse.
    """
    if tensors is None or tensors.relative_size(NORM) < VISIBLE_GAINS:
        return False
    cosines = comparison.changes.cosines
    for reading, writing in (HEADS, NEURONS):
        branch = comparison.branch_cosine(BRANCH_OF[writing])
        if branch is None:
            continue
        change = 1 - cosines.get(reading, 1.0)
        unexplained = 1 - min(branch, cosines.get(writing, 1.0))
        if change > RESCALED and unexplained < EXACT * change:
            return True
    return False


def is_gain(tensor: Tensor) -> bool:
    """Return whether a norm's tensor holds gains, which stand beside biases."""
    return not tensor.name.endswith(("bias", "beta"))


def is_flat(tensor: Tensor) -> bool:
    """Return whether all of a tensor's values are one, or all zero, by its length."""
    return tensor.length == 0 or is_one(tensor)


def is_one(tensor: Tensor) -> bool:
    """Return whether a tensor has the length of as many ones."""
    expected = math.sqrt(math.prod(tensor.shape))
    return math.isclose(tensor.length, expected, rel_tol=FLAT)


def experts_reordered(comparison: ModelComparison) -> bool:
    """Return whether experts come from those of other numbers, and are as many as before."""
    changes = comparison.changes
    if not any(changes.experts):
        return False
    for layer in changes.matched_layers:
        source = changes.places[layer]
        if source is None:
            continue
        later, earlier = Layer(changes.a.table, layer), Layer(changes.b.table, source)
        if moved_and_equal(later, earlier, changes.experts[layer]):
            return True
    return False


def moved_and_equal(later: Layer, earlier: Layer, experts: dict[int, int]) -> bool:
    """Return whether an expert equals one that had another number, among as many."""
    if sorted(experts) != sorted(experts.values()) or DENSE in experts:
        return False
    numbers, sources = np.array(list(experts), int), np.array(list(experts.values()), int)
    places, partners = later.find("down", numbers), earlier.find("down", sources)
    moved = (numbers != sources) & (places >= 0) & (partners >= 0)
    digests = later.table.matrices.digests, earlier.table.matrices.digests
    return bool((digests[0][places[moved]] == digests[1][partners[moved]]).any())
