"""What became of the tensors outside the projections: embeddings, heads, norms, routers, others."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from registry.fingerprints.record import Tensor
from registry.lineage.changes import ROUNDING, UNKNOWN_TYPE
from registry.lineage.comparison import ModelComparison
from registry.lineage.depth_changes import inserted_layers
from registry.lineage.matrix_pairs import SPREAD
from registry.lineage.quantisation import quantisation_error
from registry.lineage.tensor_pairs import (
    BIAS,
    EMBEDDING,
    HEAD,
    NORM,
    ROUTER,
    TensorChanges,
    TensorPair,
    relative_size,
)
from registry.lineage.verdict import TRAINING, Change, ChangeKind

REPLACED = 0.9  # |change| / |weights| beyond which training of the whole does not explain a group
LOST = 0.2  # cosine in the tokens' axes up to which these are of other tokens
MOVED = 0.5  # |change| / |weights| of an embedding whose tokens are others
EVERYTHING = frozenset({ChangeKind.STREAM_ROTATED, ChangeKind.WIDTH})
REPARAMETERISED = frozenset({ChangeKind.NEURONS_REPARAMETERISED, ChangeKind.HEADS_REPARAMETERISED})
EXPLAINED_GROUPS = {
    ChangeKind.NORMS_FOLDED: {NORM, HEAD, ROUTER},
    ChangeKind.NEURONS_REPARAMETERISED: {BIAS},
    ChangeKind.HEADS_REPARAMETERISED: {BIAS},
    ChangeKind.QUERY_KEY_REPARAMETERISED: {BIAS, NORM},
    ChangeKind.NEURONS: {BIAS},
    ChangeKind.HEADS: {BIAS},
    ChangeKind.KV_HEADS: {BIAS},
    ChangeKind.EXPERTS: {ROUTER, BIAS},
    ChangeKind.EXPERTS_REORDERED: {ROUTER, BIAS},
    ChangeKind.VOCABULARY_SIZE: {EMBEDDING, HEAD},
    ChangeKind.TOKENS_REORDERED: {EMBEDDING, HEAD},
    ChangeKind.TOKENS_EMBEDDED_ANEW: {EMBEDDING, HEAD},
    ChangeKind.HEAD_UNTIED: {HEAD},
}


def token_changes(
    comparison: ModelComparison, tensors: TensorChanges | None, known: frozenset[ChangeKind]
) -> Iterator[Change]:
    """Yield that tokens stand in another order, or have embeddings that are not the earlier's."""
    if comparison.b.model.tied and comparison.a.model.tied is False:
        yield Change(ChangeKind.HEAD_UNTIED)
    if tensors is None:
        return

    embeddings = [pair for pair in tensors.of_group(EMBEDDING) if not pair.same]
    if not embeddings or not tokens_are_others(comparison, embeddings, known):
        return
    tables = [pair for pair in embeddings if pair.same_shape]
    if tables and all(has_same_length(pair) for pair in tables):
        yield Change(ChangeKind.TOKENS_REORDERED)
    else:
        yield Change(ChangeKind.TOKENS_EMBEDDED_ANEW)


def tokens_are_others(
    comparison: ModelComparison, embeddings: Sequence[TensorPair], known: frozenset[ChangeKind]
) -> bool:
    """Return whether the lowest tokens' embeddings are not those of the earlier model."""
    token = comparison.alignments.get("token")
    if token is None:
        return False
    if token.similarity > LOST:
        return False
    if known & EVERYTHING:
        return True
    stream = comparison.alignments.get("stream")
    if stream is None or stream.similarity - token.similarity < LOST:
        return False
    return any(pair.distance > MOVED * pair.earlier.length for pair in embeddings)


def has_same_length(pair: TensorPair) -> bool:
    """Return whether the rows may be the same in another order, or rotated."""
    return math.isclose(pair.later.length, pair.earlier.length, rel_tol=1e-3)


def outside_changes(
    comparison: ModelComparison, tensors: TensorChanges | None, known: frozenset[ChangeKind]
) -> Iterator[Change]:
    """Yield the groups that changed beyond what is known, and tensors that came or went."""
    if tensors is None:
        if comparison.changes.whole and not comparison.same:
            yield Change(ChangeKind.OTHER_WEIGHTS)
        return

    explained = explained_groups(known)
    if not known & EVERYTHING:
        for group in tensors.groups:
            if group not in explained:
                yield from group_change(comparison, tensors, group, known)
    yield from counted(ChangeKind.TENSORS_ADDED, tensors.added, explained)
    yield from counted(ChangeKind.TENSORS_REMOVED, tensors.removed, explained)


def explained_groups(known: frozenset[ChangeKind]) -> set[str]:
    """Return the groups whose changes go with what else was done."""
    groups: set[str] = set()
    for kind in known:
        groups |= EXPLAINED_GROUPS.get(kind, set())
    return groups


def group_change(
    comparison: ModelComparison, tensors: TensorChanges, group: str, known: frozenset[ChangeKind]
) -> Iterator[Change]:
    """Yield that a group's values changed, by how much, beyond the training of the whole."""
    inserted = inserted_layers(comparison.changes)
    pairs = []
    for pair in tensors.of_group(group):
        reordered = pair.permuted and known & REPARAMETERISED
        if pair.later.layer not in inserted and not reordered:
            pairs.append(pair)
    if all(pair.same for pair in pairs):
        return

    resized = any(not pair.same_shape for pair in pairs)
    size = relative_size([pair for pair in pairs if pair.same_shape])
    if size <= explained_size(comparison, known) and not resized:
        return
    amount = None if resized else size
    yield Change(ChangeKind.TENSORS_CHANGED, amount=amount, parts=(group,))


def explained_size(comparison: ModelComparison, known: frozenset[ChangeKind]) -> float:
    """Return up to which |change| / |weights| a group changed with the rest, or by rounding."""
    wide = known & (TRAINING - {ChangeKind.LORA_LIKE})
    if wide:
        return REPLACED
    types = {comparison.a.model.dtype, comparison.b.model.dtype}
    rounding = comparison.changes.rounding
    if len(types) == 1 and types != {"float32"}:
        rounding = max(rounding, ROUNDING.get(next(iter(types)), UNKNOWN_TYPE) / SPREAD)
    return SPREAD * max(rounding, quantisation_error(comparison))


def counted(kind: ChangeKind, tensors: Sequence[Tensor], explained: set[str]) -> Iterator[Change]:
    """Yield how many tensors of each group came, or went."""
    counts = Counter(tensor.group for tensor in tensors)
    for group, count in counts.items():
        if group not in explained:
            yield Change(kind, amount=count, parts=(group,))
