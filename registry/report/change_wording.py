"""English for the changes of a verdict: what was done to the base's weights.

Pure. It says what differs and names no motive.
"""

from registry.lineage.verdict import Change, ChangeKind

LAYERS_SHOWN = 6  # numbers of a long list of layers
REPARAMETERISED = "function-preserving re-parameterisation"


def change_sentence(change: Change) -> str:
    """Return what was done to the base, in words."""
    kind = change.kind
    if kind in LAYER_CHANGES:
        layers = layer_list(change.parts) or f"{change.amount or 0:.0f}"
        return LAYER_CHANGES[kind].format(layers=layers)
    if kind in FIXED_CHANGES:
        return FIXED_CHANGES[kind]
    if kind in SIZED_CHANGES:
        return SIZED_CHANGES[kind].format(amount=change.amount or 0.0)
    if kind in COUNTED_CHANGES:
        return counted_sentence(change)
    if kind in TRAINED_CHANGES:
        return trained_sentence(change)
    return PARTICULAR_CHANGES[kind](change)


LAYER_CHANGES = {
    ChangeKind.LAYERS_REMOVED: "layers removed: {layers}",
    ChangeKind.LAYERS_STACKED: "layers stacked: {layers} repeated",
    ChangeKind.LAYERS_INSERTED: "layers inserted: {layers} read as another does and wrote nothing",
    ChangeKind.LAYERS_REORDERED: "layers in another order: {layers} moved",
    ChangeKind.LAYERS_WITHOUT_SOURCE: "layers without a source: {layers}",
}
FIXED_CHANGES = {
    ChangeKind.STREAM_ROTATED: f"{REPARAMETERISED}: residual stream rotated or permuted",
    ChangeKind.NORMS_FOLDED: f"{REPARAMETERISED}: norm gains folded or scaled into weights",
    ChangeKind.NEURONS_REPARAMETERISED: f"{REPARAMETERISED}: MLP neurons permuted or rescaled",
    ChangeKind.HEADS_REPARAMETERISED: f"{REPARAMETERISED}: attention heads permuted or rescaled",
    ChangeKind.QUERY_KEY_REPARAMETERISED: (
        f"{REPARAMETERISED}: rows of query and key permuted, rotated or rescaled within heads"
    ),
    ChangeKind.EXPERTS_REORDERED: f"{REPARAMETERISED}: experts in another order",
    ChangeKind.HEAD_UNTIED: "head untied from the embedding",
    ChangeKind.TOKENS_REORDERED: "tokens reordered: the embeddings' rows in another order",
    ChangeKind.TOKENS_EMBEDDED_ANEW: "tokens embedded anew",
    ChangeKind.OTHER_WEIGHTS: "embedding, head or norms changed",
    ChangeKind.PARTIAL_READ: (
        "from a partial read: identify the whole checkpoint to learn what was changed"
    ),
}
SIZED_CHANGES = {
    ChangeKind.PRUNED: "pruned: {amount:.0%} of the weights became zero",
}
COUNTED_CHANGES = {
    ChangeKind.WIDTH: "residual stream {now} wide instead of {before}",
    ChangeKind.NEURONS: "{what}: {now} instead of {before} a layer",
    ChangeKind.HEADS: "{what}: {now} instead of {before} rows a layer",
    ChangeKind.KV_HEADS: "{what}: {now} instead of {before} rows a layer",
    ChangeKind.EXPERTS: "{what}: {now} instead of {before} a layer",
    ChangeKind.VOCABULARY_SIZE: "vocabulary of {now} instead of {before} tokens",
}
FEWER = {
    ChangeKind.NEURONS: "neurons pruned",
    ChangeKind.HEADS: "query heads pruned",
    ChangeKind.KV_HEADS: "key and value heads pooled or pruned",
    ChangeKind.EXPERTS: "experts pruned or merged",
}
MORE = {
    ChangeKind.NEURONS: "neurons added",
    ChangeKind.HEADS: "query heads added",
    ChangeKind.KV_HEADS: "key and value heads repeated or added",
    ChangeKind.EXPERTS: "experts added",
}
TRAINED_CHANGES = {
    ChangeKind.CONTINUED_TRAINING: "continued training, or merged",
    ChangeKind.FINE_TUNED: "fine-tuned",
    ChangeKind.LORA_LIKE: "LoRA-like",
}
GROUPS = {
    "embedding": "embeddings",
    "head": "head",
    "draft": "draft heads or layers",
    "scale": "scales of heads, branches or layers",
    "position": "position embeddings",
    "norm": "norms",
    "router": "routers",
    "bias": "biases",
    "latent": "latent attention's compressions",
    "mixer": "linear attention or state-space mixers",
    "cross": "cross attention",
    "tower": "tower or second decoder",
    "other": "other tensors",
}


def counted_sentence(change: Change) -> str:
    """Return how many there are, and were."""
    (before,) = change.parts
    now = change.amount or 0
    words = MORE if now > float(before) else FEWER
    what = words.get(change.kind, "")
    return COUNTED_CHANGES[change.kind].format(what=what, now=f"{now:.6g}", before=before)


def trained_sentence(change: Change) -> str:
    """Return how far the weights moved or at which rank, and in which layers if not in all."""
    parts = [TRAINED_CHANGES[change.kind]]
    if change.kind == ChangeKind.LORA_LIKE:
        parts.append(f"the change has rank {change.amount or 0:.0f}")
    elif change.amount is not None:
        digits = 0 if change.kind == ChangeKind.CONTINUED_TRAINING else 1
        parts.append(f"relative weight change {change.amount:.{digits}%}")

    sentence = ": ".join(parts)
    if change.parts:
        return f"{sentence}, in layers {layer_list(change.parts)} alone"
    return sentence


def quantised_sentence(change: Change) -> str:
    """Return to about how many bits, how they are stored, and what the file states otherwise."""
    bits = f"quantised to about {change.amount or 0:.2g} bits"
    if change.stated is not None:
        return f"{bits}, though stored as {change.stated}"
    if not change.parts:
        return bits
    (stored,) = change.parts
    return f"{bits}, stored as {stored}"


def zeroed_sentence(change: Change) -> str:
    """Return which projections became zero."""
    return f"all zero: {layer_list(change.parts)}"


def outside_sentence(change: Change) -> str:
    """Return which tensors outside the projections changed, came or went."""
    (group,) = change.parts
    what = GROUPS.get(str(group), str(group))
    if change.kind == ChangeKind.TENSORS_ADDED:
        return f"{what} added beside the base's ({tensor_count(change)})"
    if change.kind == ChangeKind.TENSORS_REMOVED:
        return f"{what} of the base missing ({tensor_count(change)})"
    if change.amount is None:
        return f"{what} changed in shape"
    return f"{what} changed: relative change {change.amount:.2g}"


def tensor_count(change: Change) -> str:
    """Return how many tensors a change is about."""
    count = round(change.amount or 0)
    return "1 tensor" if count == 1 else f"{count} tensors"


def untold_sentence(change: Change) -> str:
    """Return that weights differ, and where."""
    where = f" ({', '.join(map(str, change.parts))})" if change.parts else ""
    return f"weights differ{where}; what was done is not told apart"


def merge_sentence(change: Change) -> str:
    """Return the shares of all parents, and whether they vary with the layer."""
    share = change.amount or 0.0
    shares = change.shares or (share, 1 - share)
    parents = [f"{share:.0%} {name}" for share, name in zip(shares, change.parts, strict=True)]
    *others, last = parents
    sentence = f"merged: {', '.join(others)} and {last}"
    return f"{sentence}, in shares that vary with the layer" if change.by_layer else sentence


def adapter_sentence(change: Change) -> str:
    """Return an adapter's method and rank."""
    if change.amount is None:
        return "adapter, trained on it or on a relative"
    (method,) = change.parts
    return f"{method} adapter of rank {change.amount:.0f}, trained on it or on a relative"


def stated_sentence(change: Change) -> str:
    """Return the sentence that was stored."""
    (sentence,) = change.parts
    return str(sentence)


def projections_sentence(change: Change) -> str:
    """Return which projections only one of the models has."""
    what = "added" if change.kind == ChangeKind.PROJECTIONS_ADDED else "removed"
    names = ", ".join(map(str, change.parts))
    return f"projections {what} within layers: {names} ({change.amount or 0:.0f} matrices)"


def removed_sentence(change: Change) -> str:
    """Return how many directions were taken out of what."""
    count = round(change.amount or 0)
    what = "a direction" if count == 1 else f"{count} directions"
    return f"{what} of the residual stream removed from {edited_place(change)}"


def edited_sentence(change: Change) -> str:
    """Return which matrices changed alone."""
    count = round(change.amount or 0)
    what = "one matrix edited" if count == 1 else f"{count} matrices edited"
    return f"{what}, no other changed: {edited_place(change)}"


def edited_place(change: Change) -> str:
    """Return the projections that changed, and in which layers if not in all."""
    names = [str(part) for part in change.parts if isinstance(part, str)]
    layers = tuple(part for part in change.parts if not isinstance(part, str))
    place = " and ".join(names)
    if not layers:
        return place
    word = "layer" if len(layers) == 1 else "layers"
    return f"{place} of {word} {layer_list(layers)}"


PARTICULAR_CHANGES = {
    ChangeKind.DIRECTION_REMOVED: removed_sentence,
    ChangeKind.MATRICES_EDITED: edited_sentence,
    ChangeKind.PROJECTIONS_ADDED: projections_sentence,
    ChangeKind.PROJECTIONS_REMOVED: projections_sentence,
    ChangeKind.QUANTISED: quantised_sentence,
    ChangeKind.PROJECTIONS_ZEROED: zeroed_sentence,
    ChangeKind.TENSORS_CHANGED: outside_sentence,
    ChangeKind.TENSORS_ADDED: outside_sentence,
    ChangeKind.TENSORS_REMOVED: outside_sentence,
    ChangeKind.NOT_TOLD_APART: untold_sentence,
    ChangeKind.MERGED: merge_sentence,
    ChangeKind.ADAPTER: adapter_sentence,
    ChangeKind.STATED: stated_sentence,
}


def layer_list(layers: tuple[int | str, ...]) -> str:
    """Return layer numbers, the first few."""
    numbers = ", ".join(map(str, layers[:LAYERS_SHOWN]))
    if len(layers) > LAYERS_SHOWN:
        return f"{numbers} ..."
    return numbers
