"""Training: what moved the values beyond rounding, quantisation, pruning and other axes."""

from collections.abc import Iterator, Sequence

import numpy as np

from registry.architectures.roles import WRITING
from registry.lineage.changes import MLP, changed_sizes
from registry.lineage.comparison import ModelComparison
from registry.lineage.depth_changes import inserted_layers
from registry.lineage.matrix_pairs import SPREAD, MatrixPair
from registry.lineage.quantisation import quantisation_error
from registry.lineage.reparameterisations import branch_similarity, rewritten_projections
from registry.lineage.rotated import SPECTRAL, spectral_change
from registry.lineage.tensor_pairs import BIAS, NORM, TensorChanges
from registry.lineage.verdict import Change, ChangeKind

HEAVY = 0.25  # |change| / |weights| from which training is called continued
FAITHFUL_BRANCH = 0.98  # cosine of branches that rewriting and rounding alone leave
VISIBLE = 3.0  # times the rounding, from which a norm or a bias is trained
OUTGROWN = 0.005  # of a singular value, beyond what rounding gives
REWRITTEN = frozenset(
    {
        ChangeKind.NORMS_FOLDED,
        ChangeKind.NEURONS_REPARAMETERISED,
        ChangeKind.HEADS_REPARAMETERISED,
    }
)
COARSER = frozenset({ChangeKind.QUANTISED, ChangeKind.PRUNED})
RESIZED = frozenset({ChangeKind.WIDTH, ChangeKind.HEADS, ChangeKind.KV_HEADS, ChangeKind.NEURONS})


def training(
    comparison: ModelComparison, tensors: TensorChanges | None, known: frozenset[ChangeKind]
) -> Iterator[Change]:
    """Yield a change of the values by training.

    Args:
        known: What else was done.
    """
    if ChangeKind.STREAM_ROTATED in known:
        yield from training_in_other_axes(comparison)
        return

    pairs = telling_pairs(comparison, known)
    moved = moved_pairs(comparison, pairs)
    if known & COARSER and vectors_moved(comparison, tensors):
        yield Change(ChangeKind.FINE_TUNED)
    elif moved and ChangeKind.PRUNED not in known:
        kept = {pair.place.layer for pair in pairs} - {pair.place.layer for pair in moved}
        yield trained(comparison, moved, everywhere=not kept)
    elif shows_otherwise(comparison, pairs, known):
        yield Change(ChangeKind.FINE_TUNED)
    else:
        yield from training_of_inserted(comparison)


def shows_otherwise(
    comparison: ModelComparison, pairs: Sequence[MatrixPair], known: frozenset[ChangeKind]
) -> bool:
    """Return whether there was training where no matrix can be compared value by value."""
    if known & RESIZED:
        return not known & REWRITTEN and outgrown(comparison)
    return not pairs and branch_similarity(comparison) < FAITHFUL_BRANCH


def outgrown(comparison: ModelComparison) -> bool:
    """Return whether a smaller matrix has a singular value beyond that of the larger one.

    The k-th singular value of a part of a matrix is at most that of the whole (interlacing), so
    that pruning alone cannot do it.
    """
    for pair in comparison.changes.pairs:
        later, earlier = pair.later, pair.earlier
        if pair.same_shape or later.rows > earlier.rows or later.cols > earlier.cols:
            continue
        values = zip(later.singular_values, earlier.singular_values, strict=False)
        if any(now > (1 + OUTGROWN) * before for now, before in values):
            return True
    return False


def vectors_moved(comparison: ModelComparison, tensors: TensorChanges | None) -> bool:
    """Return whether most norms or biases changed, which neither quantisation nor pruning does."""
    if tensors is None:
        return False
    moved = 0
    vectors = [*tensors.of_group(NORM), *tensors.of_group(BIAS)]
    for pair in vectors:
        least = VISIBLE * comparison.changes.rounding
        moved += pair.same_shape and pair.distance > least * pair.earlier.length
    return 2 * moved > len(vectors)


def telling_pairs(comparison: ModelComparison, known: frozenset[ChangeKind]) -> list[MatrixPair]:
    """Return the pairs of matrices that nothing but training, rounding and zeros can change."""
    changes = comparison.changes
    explained = set(rewritten_projections(known))
    if ChangeKind.EXPERTS in known:
        explained.update(MLP)
    inserted = inserted_layers(changes)
    pairs = []
    for pair in changes.pairs:
        kept = pair.projection not in explained and pair.place.layer not in inserted
        if kept and pair.same_shape:
            pairs.append(pair)
    return pairs


def moved_pairs(comparison: ModelComparison, pairs: Sequence[MatrixPair]) -> list[MatrixPair]:
    """Return the pairs that moved by more than rounding gives.

    None where quantisation explains how far most of them did.
    """
    least = SPREAD * comparison.changes.rounding
    moved = [pair for pair in pairs if pair.size is not None and pair.size > least]
    sizes = changed_sizes(moved)
    if sizes and float(np.median(sizes)) <= quantisation_error(comparison):
        return []
    return moved


def trained(
    comparison: ModelComparison, pairs: Sequence[MatrixPair], *, everywhere: bool
) -> Change:
    """Return what to call a training that moved some matrices.

    Args:
        everywhere: Whether no layer kept its values.
    """
    layers = () if everywhere else tuple(sorted({pair.place.layer for pair in pairs}))
    rank = comparison.changes.rank_of(pairs)
    if rank:
        return Change(ChangeKind.LORA_LIKE, amount=rank, parts=layers)
    size = float(np.median(changed_sizes(pairs)))
    kind = ChangeKind.CONTINUED_TRAINING if size > HEAVY else ChangeKind.FINE_TUNED
    return Change(kind, amount=size, parts=layers)


def training_in_other_axes(comparison: ModelComparison) -> Iterator[Change]:
    """Yield a training that shows in what a rotation of the stream leaves.

    Singular values of what writes to the stream: gains are folded into what reads from it. A map
    within heads changes those of the output, another order of neurons none.
    """
    spreads = []
    for projection in WRITING:
        spread = spectral_change(comparison, projection)
        if spread is not None:
            spreads.append(spread)
    least = max(SPECTRAL, quantisation_error(comparison))
    if spreads and min(spreads) > least:  # a map within heads leaves that of the MLP
        yield Change(ChangeKind.FINE_TUNED)


def training_of_inserted(comparison: ModelComparison) -> Iterator[Change]:
    """Yield a training of inserted layers alone."""
    changes = comparison.changes
    inserted = inserted_layers(changes)
    pairs = [pair for pair in changes.pairs if pair.place.layer in inserted]
    sizes = changed_sizes([pair for pair in pairs if pair.projection not in WRITING])
    if sizes and float(np.median(sizes)) > changes.rounding:
        size = float(np.median(sizes))
        kind = ChangeKind.CONTINUED_TRAINING if size > HEAVY else ChangeKind.FINE_TUNED
        yield Change(kind, amount=size, parts=inserted)
