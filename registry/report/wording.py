"""English for verdicts, changes and evidence: the only place that writes sentences about them.

Pure.
"""

from registry.lineage.verdict import Change, ChangeKind, Evidence, EvidenceKind, Relation, Verdict
from registry.report import kinship_wording

SMALLEST_SHOWN = 1e-15  # probabilities below are all shown as this bound
CHANCE_LEVEL = 0.05  # p-values above are at chance level
LAYERS_SHOWN = 6  # numbers of a long list of layers
REPARAMETERISED = "function-preserving re-parameterisation"


def headline(verdict: Verdict) -> str:
    """Return the verdict in a line: `derived from llama-tiny`, or unknown and who was closest."""
    if verdict.verdict == Relation.UNKNOWN:
        return unknown_headline(verdict)
    if verdict.verdict == Relation.SAME_FAMILY:
        return f"{verdict} (family {verdict.family})" if verdict.family else str(verdict)
    return kinship_wording.other_way(verdict) or str(verdict)


def unknown_headline(verdict: Verdict) -> str:
    """Return that nothing is shown, who was closest, and at which p-value."""
    if verdict.closest is None or verdict.chance is None:
        return str(verdict)

    closest = verdict.closest
    if verdict.candidates > 1:
        closest = f"closest is {closest}"
    p_value = p_equals(verdict.chance)
    if verdict.chance > CHANCE_LEVEL:
        return f"{verdict}: {closest}, at chance level ({p_value})"
    return f"{verdict}: {closest}, short of the significance that names a base ({p_value})"


def significance(verdict: Verdict) -> str | None:
    """Return the family-wise p over the candidates; None for equal weights."""
    if verdict.chance is None or verdict.verdict == Relation.SAME_WEIGHTS:
        return None
    p_value = p_equals(verdict.chance)
    if verdict.candidates > 1:
        return f"family-wise {p_value} over {verdict.candidates:,} candidates"
    return p_value


def verdict_lines(verdict: Verdict) -> list[str]:
    """Return what stands below the headline: the changes and the family-wise p-value."""
    lines = [change_sentence(change) for change in verdict.changes]
    lines += kinship_wording.relative_lines(verdict)
    p_value = significance(verdict)
    if p_value:
        lines.append(p_value)
    return lines


def change_sentence(change: Change) -> str:
    """Return what was done to the base, in words."""
    kind = change.kind
    if kind in LAYER_CHANGES:
        return LAYER_CHANGES[kind].format(layers=layer_list(change.parts))
    if kind in FIXED_CHANGES:
        return FIXED_CHANGES[kind]
    if kind in SIZED_CHANGES:
        return SIZED_CHANGES[kind].format(amount=change.amount or 0.0)
    return PARTICULAR_CHANGES[kind](change)


LAYER_CHANGES = {
    ChangeKind.LAYERS_REMOVED: "layers removed: {layers}",
    ChangeKind.LAYERS_STACKED: "layers stacked: {layers} repeated",
    ChangeKind.LAYERS_WITHOUT_SOURCE: "layers without a source: {layers}",
}
FIXED_CHANGES = {
    ChangeKind.STREAM_ROTATED: f"{REPARAMETERISED}: residual stream rotated or permuted",
    ChangeKind.NEURONS_REPARAMETERISED: (
        f"{REPARAMETERISED}: MLP neurons permuted or rescaled, or norm gains folded"
    ),
    ChangeKind.HEADS_REPARAMETERISED: (
        f"{REPARAMETERISED}: attention heads permuted or rescaled, or norm gains folded"
    ),
    ChangeKind.TOKENS_EMBEDDED_ANEW: "tokens embedded anew or reordered",
    ChangeKind.OTHER_WEIGHTS: "embedding, head or norms changed",
    ChangeKind.PARTIAL_READ: (
        "from a partial read: identify the whole checkpoint to learn what was changed"
    ),
}
SIZED_CHANGES = {
    ChangeKind.QUANTISED: "quantised to about {amount:.0f} bits",
    ChangeKind.PRUNED: "pruned: {amount:.0%} of the weights became zero",
    ChangeKind.LORA_LIKE: "LoRA-like: the change has rank {amount:.0f}",
    ChangeKind.CONTINUED_TRAINING: (
        "continued training, or merged: relative weight change {amount:.0%}"
    ),
    ChangeKind.FINE_TUNED: "fine-tuned: relative weight change {amount:.1%}",
}


def vocabulary_sentence(change: Change) -> str:
    """Return how many tokens there are, and were."""
    (before,) = change.parts
    return f"vocabulary of {change.amount:.0f} instead of {before} tokens"


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


PARTICULAR_CHANGES = {
    ChangeKind.VOCABULARY_SIZE: vocabulary_sentence,
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


def evidence_sentence(line: Evidence) -> str:
    """Return a line of evidence in words: its number beside the closest unrelated pair."""
    if line.sentence is not None:
        return line.sentence
    return EVIDENCE[line.kind](line)


def digest_sentence(line: Evidence) -> str:
    """Return that all weights, or an adapter's deltas, are equal."""
    if line.model:
        return f"every LoRA delta equals that of {line.model}"
    if line.cast:
        return "every weight is equal, once cast to bf16"
    return "every weight is equal"


def stream_sentence(line: Evidence) -> str:
    """Return how the branches' sketches agree in the axes of the residual stream."""
    return f"residual-stream sketches: {matched_cosine(line)}, {z_score(line, 'pairs')}"


def token_sentence(line: Evidence) -> str:
    """Return how they agree in the axes of the token embeddings."""
    what = "token-axes sketches, invariant to rotations of the residual stream"
    return f"{what}: {matched_cosine(line)}, {z_score(line, 'pairs')}"


def spectral_sentence(line: Evidence) -> str:
    """Return the distance of the singular values."""
    if line.value is None:
        return "no matrices in common whose singular values could be compared"
    unrelated = f"minimum over {line.pairs:,} unrelated pairs: {line.strongest:.2g}"
    return f"spectral distance {line.value:.2g} of the random-matrix scale ({unrelated})"


def equal_matrices_sentence(line: Evidence) -> str:
    """Return how many matrices are equal."""
    return f"{line.count} of {line.total} matrices are equal, once cast to bf16"


def weights_sentence(line: Evidence) -> str:
    """Return how the matrices' own sketches agree."""
    return f"sketches of the matrices themselves: mean cosine {line.value:.3f}"


def std_sentence(line: Evidence) -> str:
    """Return how close the std vectors are, and what that cannot show."""
    share = 1.0 if line.p_value is None else line.p_value
    distance = f"std-vector cosine distance {line.value:.2g}"
    if share == 1:
        return f"{distance}, no closer than the median of unrelated pairs"
    rank = f"closer than {percent(1 - share)} of unrelated pairs"
    return f"{distance}, {rank}; does not separate fine-tunes from independent runs of one recipe"


def mixture_sentence(line: Evidence) -> str:
    """Return what a linear merge leaves unexplained."""
    rest = f"{line.value:.0%} of the distance to the nearer parent"
    return f"linear merge with {line.model} leaves {rest}"


def candidates_sentence(line: Evidence) -> str:
    """Return how many models were compared."""
    if not line.count:
        return "no registered model can be compared"
    models = "1 model" if line.count == 1 else f"{line.count:,} models"
    families = "1 family" if line.families == 1 else f"{line.families:,} families"
    return f"compared with {models} ({families}); p-values are per comparison, uncorrected"


def fit_sentence(line: Evidence) -> str:
    """Return how an adapter's directions agree with a base's."""
    what = f"LoRA deltas read and write along the principal directions of {line.model}"
    return f"{what}: {z_score(line, 'bases')}"


def shapes_sentence(line: Evidence) -> str:
    """Return how many registered models an adapter's shapes fit."""
    if not line.count:
        return "no registered model has all the matrices that it changes, in their shapes"
    if line.count == 1:
        return "its shapes fit 1 registered model, its directions do not"
    return f"its shapes fit {line.count:,} registered models, its directions none of them"


def start_sentence(line: Evidence) -> str:
    """Return how the first values of all tensors agree with a model's."""
    return f"first values of every tensor against {line.model}: {z_score(line, 'pairs')}"


def layer_sentence(line: Evidence) -> str:
    """Return how the branches that were read agree with a model's."""
    read = f"sketches up to {line.branch} of layer {line.layer}"
    return f"{read} against {line.model}: mean {z_score(line, 'pairs')}"


def read_sentence(line: Evidence) -> str:
    """Return how much was read."""
    return f"{line.value:.2%} of the bytes were read"


EVIDENCE = {
    EvidenceKind.DIGEST: digest_sentence,
    EvidenceKind.STREAM: stream_sentence,
    EvidenceKind.TOKEN: token_sentence,
    EvidenceKind.SPECTRA: spectral_sentence,
    EvidenceKind.EQUAL_MATRICES: equal_matrices_sentence,
    EvidenceKind.WEIGHTS: weights_sentence,
    EvidenceKind.STD_VECTOR: std_sentence,
    EvidenceKind.MIXTURE: mixture_sentence,
    EvidenceKind.CANDIDATES: candidates_sentence,
    EvidenceKind.FIT: fit_sentence,
    EvidenceKind.SHAPES: shapes_sentence,
    EvidenceKind.START: start_sentence,
    EvidenceKind.LAYER: layer_sentence,
    EvidenceKind.READ: read_sentence,
}


def matched_cosine(line: Evidence) -> str:
    """Return the mean cosine of matched layers."""
    return f"mean matched cosine {line.cosine:.3f}"


def z_score(line: Evidence, unrelated: str) -> str:
    """Return a z-score beside the largest of unrelated `pairs` or `bases`."""
    maximum = f"maximum over {line.pairs:,} unrelated {unrelated}: {line.strongest:.2g}"
    return f"z = {line.value:.1f} ({maximum})"


def probability(value: float) -> str:
    """Return a probability to two digits; of a tiny one that it is below the smallest shown."""
    if value < SMALLEST_SHOWN:
        return f"< {SMALLEST_SHOWN:g}"
    return f"{value:.2g}"


def p_equals(value: float) -> str:
    """Return `p = 0.4`, or `p < 1e-15`."""
    text = probability(value)
    if value < SMALLEST_SHOWN:
        return f"p {text}"
    return f"p = {text}"


def percent(share: float) -> str:
    """Return a share in per cent with as many digits as tell it from all: 99.99 %."""
    return f"{share:.2%}".replace(".00%", "%")
