"""English for verdicts, changes and evidence: the only place that writes sentences about them.

Pure.
"""

from registry.fingerprints.grades import Grade
from registry.lineage.verdict import Evidence, EvidenceKind, Relation, Verdict
from registry.report import kinship_wording
from registry.report.change_wording import change_sentence
from registry.report.number_wording import NUMBERS, number_sentence

GRADES = {
    Grade.ATTENTION: "decided by the attention of two layers; --full takes all evidence",
    Grade.DIGESTS: "decided by the digests of all tensors; --full takes all evidence",
    Grade.SKETCHES: "decided without most spectra; --full takes all evidence",
}
SMALLEST_SHOWN = 1e-15  # probabilities below are all shown as this bound
CHANCE_LEVEL = 0.05  # p-values above are at chance level


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
    if verdict.grade in GRADES:
        lines.append(GRADES[verdict.grade])
    return lines


def evidence_sentence(line: Evidence) -> str:
    """Return a line of evidence in words: its number beside the closest unrelated pair.

    A line that lacks numbers which its sentence tells, as one from elsewhere may, is its kind.
    """
    if line.sentence is not None:
        return line.sentence
    try:
        return EVIDENCE[line.kind](line)
    except TypeError:
        return str(line.kind)


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


def own_sentence(line: Evidence) -> str:
    """Return how the middle layers agree in axes that each model itself gives."""
    what = "own-axes sketches, which need neither tokens nor the stream's axes"
    maximum = f"maximum over {line.pairs:,} unrelated pairs: {line.strongest:.2f}"
    return f"{what}: {matched_cosine(line)} ({maximum})"


def combined_sentence(_line: Evidence) -> str:
    """Return that two lines are taken together."""
    return "token-axes and own-axes sketches together"


def equal_embeddings_sentence(_line: Evidence) -> str:
    """Return that the embeddings are the same."""
    return "the token embeddings are equal, once cast to bf16; that says nothing of the layers"


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
    EvidenceKind.OWN: own_sentence,
    EvidenceKind.COMBINED: combined_sentence,
    EvidenceKind.EQUAL_EMBEDDINGS: equal_embeddings_sentence,
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
    **dict.fromkeys(NUMBERS, number_sentence),
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
