"""Training: what moved the values beyond rounding, quantisation, pruning and other axes."""

from collections.abc import Iterator

import numpy as np

from registry.architectures.roles import WRITING
from registry.lineage.changes import MLP
from registry.lineage.comparison import ModelComparison
from registry.lineage.depth_changes import inserted_layers
from registry.lineage.edits import edit_of, written_evidence
from registry.lineage.matrix_pairs import SPREAD
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
    elif moved.any() and ChangeKind.PRUNED not in known:
        layers = comparison.changes.pairs.layers
        kept = set(layers[pairs].tolist()) - set(layers[moved].tolist())
        yield trained(comparison, moved, everywhere=not kept)
    elif shows_otherwise(comparison, pairs, known):
        yield Change(ChangeKind.FINE_TUNED)
    else:
        yield from training_of_inserted(comparison)


def shows_otherwise(
    comparison: ModelComparison, pairs: np.ndarray, known: frozenset[ChangeKind]
) -> bool:
    """Return whether there was training where no matrix can be compared value by value."""
    if known & RESIZED:
        return not known & REWRITTEN and outgrown(comparison)
    return not pairs.any() and branch_similarity(comparison) < FAITHFUL_BRANCH


def outgrown(comparison: ModelComparison) -> bool:
    """Return whether a smaller matrix has a singular value beyond that of the larger one.

    The k-th singular value of a part of a matrix is at most that of the whole (interlacing), so
    that pruning alone cannot do it.
    """
    pairs = comparison.changes.pairs
    later, earlier = pairs.later, pairs.earlier
    fewer_rows = later.rows[pairs.ours] <= earlier.rows[pairs.theirs]
    fewer_cols = later.cols[pairs.ours] <= earlier.cols[pairs.theirs]
    smaller = ~pairs.same_shape & fewer_rows & fewer_cols
    now = later.singular_values[pairs.ours[smaller]]
    before = earlier.singular_values[pairs.theirs[smaller]]
    return bool((now > (1 + OUTGROWN) * before).any())  # NaN, which is missing, is not


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


def telling_pairs(comparison: ModelComparison, known: frozenset[ChangeKind]) -> np.ndarray:
    """Return which pairs of matrices nothing but training, rounding and zeros can change."""
    changes = comparison.changes
    explained = set(rewritten_projections(known))
    if ChangeKind.EXPERTS in known:
        explained.update(MLP)
    pairs = changes.pairs
    inserted = np.isin(pairs.layers, inserted_layers(changes))
    telling: np.ndarray = pairs.same_shape & ~pairs.of_projections(*explained) & ~inserted
    return telling


def moved_pairs(comparison: ModelComparison, chosen: np.ndarray) -> np.ndarray:
    """Return which of the chosen pairs moved by more than rounding gives.

    None where quantisation explains how far most of them did.
    """
    least = SPREAD * comparison.changes.rounding
    moved = chosen & (comparison.changes.pairs.sizes > least)
    sizes = comparison.changes.pairs.changed_sizes(moved)
    if len(sizes) and float(np.median(sizes)) <= quantisation_error(comparison):
        return np.zeros_like(moved)
    return moved


def trained(comparison: ModelComparison, moved: np.ndarray, *, everywhere: bool) -> Change:
    """Return what to call a training or an edit that moved some matrices.

    Args:
        moved: Which pairs.
        everywhere: Whether no layer kept its values.
    """
    edit = edit_of(comparison, moved)
    if edit is not None:
        return edit
    pairs = comparison.changes.pairs
    layers = () if everywhere else tuple(np.unique(pairs.layers[moved]).tolist())
    rank = comparison.changes.rank_of(moved)
    if rank:
        evidence = written_evidence(comparison, moved)
        return Change(ChangeKind.LORA_LIKE, amount=rank, parts=layers, evidence=evidence)
    size = float(np.median(pairs.changed_sizes(moved)))
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
    pairs = changes.pairs
    reading = np.isin(pairs.layers, inserted) & ~pairs.of_projections(*WRITING)
    sizes = pairs.changed_sizes(reading)
    if len(sizes) and float(np.median(sizes)) > changes.rounding:
        size = float(np.median(sizes))
        kind = ChangeKind.CONTINUED_TRAINING if size > HEAVY else ChangeKind.FINE_TUNED
        yield Change(kind, amount=size, parts=inserted)
