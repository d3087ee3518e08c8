"""What a verdict told of a model, against what is true of it: changes that never happened, and changes left out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from registry.lineage.verdict import Change, ChangeKind

TRAINED = frozenset({ChangeKind.FINE_TUNED, ChangeKind.CONTINUED_TRAINING})
RESOLVED_RANK = 16  # above, a change of low rank is not told from one of full rank

# The kinds that tell what is true; `kind: group` of tensors outside the projections.
TELLING: dict[str, frozenset[str]] = {
    "trained": TRAINED,
    "low_rank": frozenset({ChangeKind.LORA_LIKE}),
    "vocabulary": frozenset({ChangeKind.VOCABULARY_SIZE}),
    "embedded_anew": frozenset({ChangeKind.TOKENS_EMBEDDED_ANEW}),
    "merged": frozenset({ChangeKind.MERGED}),
    "pruned_weights": frozenset({ChangeKind.PRUNED}),
    "quantised": frozenset({ChangeKind.QUANTISED}),
    "noise": frozenset({*TRAINED, ChangeKind.NOT_TOLD_APART}),
    "layers_removed": frozenset({ChangeKind.LAYERS_REMOVED}),
    "layers_repeated": frozenset({ChangeKind.LAYERS_STACKED}),
    "layers_inserted": frozenset({ChangeKind.LAYERS_INSERTED}),
    "inserted_trained": TRAINED,
    "layers_reordered": frozenset({ChangeKind.LAYERS_REORDERED}),
    "projections_zeroed": frozenset({ChangeKind.PROJECTIONS_ZEROED}),
    "neurons_permuted_or_rescaled": frozenset({ChangeKind.NEURONS_REPARAMETERISED}),
    "heads_permuted_or_rescaled": frozenset({ChangeKind.HEADS_REPARAMETERISED}),
    "qk_map": frozenset({ChangeKind.QUERY_KEY_REPARAMETERISED}),
    "stream_permuted": frozenset({ChangeKind.STREAM_ROTATED}),
    "stream_rotated": frozenset({ChangeKind.STREAM_ROTATED}),
    "norms_folded": frozenset({ChangeKind.NORMS_FOLDED}),
    "untied": frozenset({ChangeKind.HEAD_UNTIED}),
    "tokens_reordered": frozenset({ChangeKind.TOKENS_REORDERED}),
    "neurons": frozenset({ChangeKind.NEURONS}),
    "heads": frozenset({ChangeKind.HEADS}),
    "kv_heads": frozenset({ChangeKind.KV_HEADS}),
    "width": frozenset({ChangeKind.WIDTH}),
    "experts": frozenset({ChangeKind.EXPERTS}),
    "embeddings_trained": frozenset({"tensors changed: embedding"}),
    "head_trained": frozenset({"tensors changed: head"}),
    "norms_trained": frozenset({"tensors changed: norm"}),
    "biases_trained": frozenset({"tensors changed: bias"}),
    "routers_trained": frozenset({"tensors changed: router"}),
}
# What is true as well where these are, and need not be told.
ALSO: dict[str, frozenset[str]] = {
    "trained": frozenset({"tensors changed"}),
    "merged": frozenset(
        {*TRAINED, ChangeKind.LORA_LIKE, ChangeKind.LAYERS_WITHOUT_SOURCE, "tensors changed"}
    ),
    "low_rank": frozenset({"tensors changed: router"}),  # an adapter takes every linear map
    "experts": frozenset({"tensors added: router", "tensors removed: router"}),
    "untied": frozenset({"tensors added: head"}),
    "pruned_weights": frozenset({"tensors changed: router"}),  # it was pruned as well
}
NEED_NOT_BE_TOLD = {"cast"}  # values are equal once cast


@dataclass(frozen=True)
class Told:
    """What is wrong with what was told of one model.

    Attributes:
        false: kinds that were told and did not happen.
        untold: what is true and was not told.
    """

    false: tuple[str, ...]
    untold: tuple[str, ...]


def told(changes: Iterable[Change], truth: Mapping[str, Any], covered: Iterable[str] = ()) -> Told:
    """Compare a verdict's changes with a manifest's `truth`; what is `covered` need not be told."""
    named = {name(change) for change in changes}
    true: set[str] = set()
    untold = []
    for kind, amount in truth.items():
        telling = telling_kinds(kind, amount)
        true |= telling | ALSO.get(kind, frozenset())
        needed = kind not in NEED_NOT_BE_TOLD and kind not in covered
        if needed and not any(is_among(one, telling) for one in named):
            untold.append(kind)
    false = [one for one in sorted(named) if not is_among(one, true)]
    return Told(tuple(false), tuple(untold))


def telling_kinds(kind: str, amount: Any) -> frozenset[str]:
    """Return the kinds of change that tell what is true of a model."""
    if kind == "low_rank" and amount > RESOLVED_RANK:
        return TELLING[kind] | TRAINED
    return TELLING.get(kind, frozenset())


def is_among(one: str, kinds: Iterable[str]) -> bool:
    """Return whether a kind is listed, itself or without its group."""
    listed = set(kinds)
    return one in listed or one.partition(": ")[0] in listed


def name(change: Change) -> str:
    """Return a change's kind, of tensors outside the projections with their group."""
    outside = {ChangeKind.TENSORS_CHANGED, ChangeKind.TENSORS_ADDED, ChangeKind.TENSORS_REMOVED}
    if change.kind in outside:
        return f"{change.kind}: {change.parts[0]}"
    return str(change.kind)
