"""From a comparison to a verdict: its relation, its changes, and every number beside its null."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from registry.lineage.calibration import (
    family_wise,
    null_distributions,
    unrelated_quantile,
    unrelated_share,
)
from registry.lineage.change_kinds import changes_of
from registry.lineage.comparison import ModelComparison
from registry.lineage.verdict import (
    Change,
    ChangeKind,
    Evidence,
    EvidenceKind,
    Relation,
    Verdict,
)

CERTAIN = 0.001  # family-wise p up to which an adapter's base, or one in a quick look, is named
DERIVED = 1e-4  # the same of a whole model; of 20,000 independent pairs none comes near it
ACCEPTED = 0.05  # family-wise p up to which a family is named
UNRELATED_COSINE = 0.05  # of the matrices' sketches of unrelated models
PERCENTILE = 0.05  # of unrelated pairs, that a line's null marks where lower is closer


@dataclass(frozen=True)
class CandidateCounts:
    """How many models were compared, and of how many families, that is recipes."""

    models: int = 1
    families: int = 1


def judge(
    comparison: ModelComparison,
    model: str,
    family: str | None,
    candidates: CandidateCounts = CandidateCounts(),
) -> Verdict:
    """Return the verdict on the nearest of so many candidates (docs/method.md, Verdict)."""
    p_value = comparison.p_value
    chance = family_wise(p_value, candidates.models)
    evidence = tuple(evidence_of(comparison, candidates))

    changes: tuple[Change, ...] = ()
    if comparison.same or chance <= DERIVED:
        changes = changes_of(comparison)
        relation = derived_relation(comparison, changes)
    else:
        by_family = recipe_p_value(comparison, candidates)
        if by_family > ACCEPTED:
            return Verdict.unknown(
                closest=model,
                score=comparison.score,
                p_value=p_value,
                chance=chance,
                candidates=candidates.models,
                evidence=evidence,
            )
        relation = Relation.SAME_FAMILY
        chance = by_family

    return Verdict(
        relation,
        model=model,
        family=family,
        closest=model,
        changes=changes,
        score=comparison.score,
        p_value=p_value,
        chance=chance,
        candidates=candidates.models,
        evidence=evidence,
    )


def derived_relation(comparison: ModelComparison, changes: tuple[Change, ...]) -> Relation:
    """Return how a model is related to one that its weights were made from."""
    weights = comparison.changes
    only_rounded = not changes and len(weights.pairs) > 0 and weights.relative <= weights.rounding
    if comparison.same or only_rounded:
        return Relation.SAME_WEIGHTS

    kinds = {change.kind for change in changes}
    return Relation.QUANTISED_COPY if kinds == {ChangeKind.QUANTISED} else Relation.DERIVED


def recipe_p_value(comparison: ModelComparison, candidates: CandidateCounts) -> float:
    """Return the family-wise p of a pair's std vectors; 1 where they cannot be compared."""
    if comparison.std_distance is None:
        return 1.0
    return std_p_value(comparison.std_distance, candidates)


def std_p_value(distance: float, candidates: CandidateCounts) -> float:
    """Return the probability that one of so many unrelated families has a std vector as close.

    Models of one family are not independent: families are counted, not models.
    """
    return family_wise(unrelated_share(distance), candidates.families)


def evidence_of(comparison: ModelComparison, candidates: CandidateCounts) -> Iterator[Evidence]:
    """Yield every number of a comparison beside its null, the strongest first."""
    if comparison.same:
        cast = comparison.a.model.digest != comparison.b.model.digest
        yield Evidence(EvidenceKind.DIGEST, value=1.0, null=0.0, p_value=0.0, cast=cast)

    yield from sorted(deciding_evidence(comparison), key=p_value_of)
    yield from matrix_evidence(comparison)
    if comparison.std_distance is not None:
        yield std_evidence(comparison.std_distance)
    if candidates.models > 1:
        yield Evidence(
            EvidenceKind.CANDIDATES, count=candidates.models, families=candidates.families
        )


def p_value_of(line: Evidence) -> float:
    """Return a line's p-value, to sort by; 0 where it has none."""
    return line.p_value or 0.0


def deciding_evidence(comparison: ModelComparison) -> Iterator[Evidence]:
    """Yield the lines that decide whether one comes from the other: sketches and spectra."""
    for kind, value in comparison.numbers.items():
        p_value = comparison.p_values[kind]
        if kind == EvidenceKind.SPECTRA:
            yield spectral_evidence(comparison.spectral_distance, p_value)
        elif kind == EvidenceKind.COMBINED:
            yield Evidence(EvidenceKind.COMBINED, value=-math.log10(p_value), p_value=p_value)
        elif kind == EvidenceKind.OWN:
            yield own_evidence(value, p_value)
        else:
            null = null_distributions()[kind]
            yield Evidence(
                EvidenceKind(kind),
                value=value,
                null=null.start,
                p_value=p_value,
                strongest=null.strongest,
                pairs=null.pairs,
                cosine=comparison.alignments[kind].similarity,
            )


def own_evidence(cosine: float, p_value: float) -> Evidence:
    """Return the line of the models' own axes."""
    null = null_distributions()[EvidenceKind.OWN]
    return Evidence(
        EvidenceKind.OWN,
        value=cosine,
        null=null.start,
        p_value=p_value,
        strongest=null.strongest,
        pairs=null.pairs,
        cosine=cosine,
    )


def spectral_evidence(distance: float, p_value: float) -> Evidence:
    """Return the spectral distance itself: its null is calibrated as -log10 of the distance."""
    null = null_distributions()[EvidenceKind.SPECTRA]
    return Evidence(
        EvidenceKind.SPECTRA,
        value=distance if math.isfinite(distance) else None,
        null=spectral_distance_of(null.start),
        p_value=p_value,
        strongest=spectral_distance_of(null.strongest),
        pairs=null.pairs,
    )


def spectral_distance_of(closeness: float) -> float:
    """Return the spectral distance that a closeness, its -log10, stands for."""
    return float(10**-closeness)


def matrix_evidence(comparison: ModelComparison) -> Iterator[Evidence]:
    """Yield what is equal - matrices, embeddings - and the cosine of the matrices' sketches."""
    if comparison.embedding_change == 0:
        yield Evidence(EvidenceKind.EQUAL_EMBEDDINGS, value=1.0, null=0.0)
    changes = comparison.changes
    if changes.equal:
        yield Evidence(
            EvidenceKind.EQUAL_MATRICES,
            value=changes.equal,
            null=0.0,
            count=round(changes.equal * len(changes.pairs)),
            total=len(changes.pairs),
        )
    if changes.cosines:
        cosine = float(np.mean(list(changes.cosines.values())))
        yield Evidence(EvidenceKind.WEIGHTS, value=cosine, null=UNRELATED_COSINE)


def std_evidence(distance: float) -> Evidence:
    """Return the line of paper 2509.19122's vector, which recognises the recipe."""
    return Evidence(
        EvidenceKind.STD_VECTOR,
        value=distance,
        null=unrelated_quantile(PERCENTILE),
        p_value=unrelated_share(distance),
    )
