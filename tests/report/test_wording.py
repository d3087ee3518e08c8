"""registry.report.wording: every sentence about a verdict, a change or a line of evidence."""

import pytest

from registry.lineage.verdict import Change, ChangeKind, Evidence, EvidenceKind, Relation, Verdict
from registry.report.number_wording import NUMBERS
from registry.report.wording import (
    EVIDENCE,
    evidence_sentence,
    headline,
    p_equals,
    probability,
    significance,
    verdict_lines,
)

LINES = [
    (Evidence(EvidenceKind.DIGEST), "every weight is equal"),
    (Evidence(EvidenceKind.DIGEST, cast=True), "every weight is equal, once cast to bf16"),
    (Evidence(EvidenceKind.DIGEST, model="a"), "every LoRA delta equals that of a"),
    (
        Evidence(EvidenceKind.STREAM, 52.14, cosine=0.9871, pairs=2149, strongest=4.669),
        (
            "residual-stream sketches: mean matched cosine 0.987, z = 52.1"
            " (maximum over 2,149 unrelated pairs: 4.7)"
        ),
    ),
    (
        Evidence(EvidenceKind.TOKEN, 50.6, cosine=0.961, pairs=2149, strongest=11.389),
        (
            "token-axes sketches, invariant to rotations of the residual stream:"
            " mean matched cosine 0.961, z = 50.6 (maximum over 2,149 unrelated pairs: 11)"
        ),
    ),
    (
        Evidence(EvidenceKind.OWN, 0.7612, cosine=0.7612, pairs=1700, strongest=0.61),
        (
            "own-axes sketches, which need neither tokens nor the stream's axes:"
            " mean matched cosine 0.761 (maximum over 1,700 unrelated pairs: 0.61)"
        ),
    ),
    (
        Evidence(EvidenceKind.COMBINED, 5.2, p_value=6e-6),
        "token-axes and own-axes sketches together",
    ),
    (
        Evidence(EvidenceKind.EQUAL_EMBEDDINGS, 1.0),
        "the token embeddings are equal, once cast to bf16; that says nothing of the layers",
    ),
    (
        Evidence(EvidenceKind.SPECTRA, 0.1546, pairs=2425, strongest=0.2075),
        (
            "spectral distance 0.15 of the random-matrix scale"
            " (minimum over 2,425 unrelated pairs: 0.21)"
        ),
    ),
    (
        Evidence(EvidenceKind.SPECTRA, pairs=2425, strongest=0.2075),
        "no matrices in common whose singular values could be compared",
    ),
    (
        Evidence(EvidenceKind.EQUAL_MATRICES, 0.75, count=21, total=28),
        "21 of 28 matrices are equal, once cast to bf16",
    ),
    (
        Evidence(EvidenceKind.WEIGHTS, 0.9962),
        "sketches of the matrices themselves: mean cosine 0.996",
    ),
    (
        Evidence(EvidenceKind.STD_VECTOR, 1.27e-5, p_value=0.0001),
        (
            "std-vector cosine distance 1.3e-05, closer than 99.99% of unrelated pairs;"
            " does not separate fine-tunes from independent runs of one recipe"
        ),
    ),
    (
        Evidence(EvidenceKind.STD_VECTOR, 0.03, p_value=1.0),
        "std-vector cosine distance 0.03, no closer than the median of unrelated pairs",
    ),
    (
        Evidence(EvidenceKind.MIXTURE, 0.12, model="b"),
        "linear merge with b leaves 12% of the distance to the nearer parent",
    ),
    (
        Evidence(EvidenceKind.CANDIDATES, count=1200, families=3),
        "compared with 1,200 models (3 families); p-values are per comparison, uncorrected",
    ),
    (
        Evidence(EvidenceKind.CANDIDATES, count=2, families=1),
        "compared with 2 models (1 family); p-values are per comparison, uncorrected",
    ),
    (
        Evidence(EvidenceKind.CANDIDATES, count=1, families=1),
        "compared with 1 model (1 family); p-values are per comparison, uncorrected",
    ),
    (Evidence(EvidenceKind.CANDIDATES, count=0), "no registered model can be compared"),
    (
        Evidence(EvidenceKind.FIT, 5.21, pairs=52, strongest=3.399, model="a"),
        (
            "LoRA deltas read and write along the principal directions of a: z = 5.2"
            " (maximum over 52 unrelated bases: 3.4)"
        ),
    ),
    (
        Evidence(EvidenceKind.SHAPES, count=0),
        "no registered model has all the matrices that it changes, in their shapes",
    ),
    (
        Evidence(EvidenceKind.SHAPES, count=1),
        "its shapes fit 1 registered model, its directions do not",
    ),
    (
        Evidence(EvidenceKind.SHAPES, count=3),
        "its shapes fit 3 registered models, its directions none of them",
    ),
    (
        Evidence(EvidenceKind.START, 13.2, pairs=2149, strongest=2.435, model="a"),
        (
            "first values of every tensor against a: z = 13.2"
            " (maximum over 2,149 unrelated pairs: 2.4)"
        ),
    ),
    (
        Evidence(
            EvidenceKind.LAYER, 9.0, pairs=2149, strongest=3.681, model="a", layer=2, branch="mlp"
        ),
        (
            "sketches up to mlp of layer 2 against a: mean z = 9.0"
            " (maximum over 2,149 unrelated pairs: 3.7)"
        ),
    ),
    (Evidence(EvidenceKind.READ, 0.0123), "1.23% of the bytes were read"),
    (Evidence(EvidenceKind.STREAM, 1.0, sentence="as it was said"), "as it was said"),
]


@pytest.mark.parametrize(("line", "sentence"), LINES, ids=[s[:40] for _, s in LINES])
def test_a_line_of_evidence_in_words(line, sentence):
    """The number, what unrelated models give, and what it means."""
    assert evidence_sentence(line) == sentence


def test_every_kind_of_evidence_has_words():
    """None is left without a sentence, and each is tested, those of changes elsewhere."""
    assert set(EVIDENCE) == set(EvidenceKind) == {line.kind for line, _ in LINES} | set(NUMBERS)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Verdict(Relation.DERIVED, model="a"), "derived from a"),
        (Verdict(Relation.SAME_FAMILY, model="a", family="f"), "same family as a (family f)"),
        (Verdict(Relation.SAME_FAMILY, model="a"), "same family as a"),
        (Verdict.unknown(), "unknown"),
        (
            Verdict.unknown(closest="a", chance=0.4, candidates=6),
            "unknown: closest is a, at chance level (p = 0.4)",
        ),
        (
            Verdict.unknown(closest="a", chance=0.4, candidates=1),
            "unknown: a, at chance level (p = 0.4)",
        ),
        (
            Verdict.unknown(closest="a", chance=0.004, candidates=6),
            "unknown: closest is a, short of the significance that names a base (p = 0.004)",
        ),
    ],
)
def test_a_headline(verdict, words):
    """Whom a verdict names; an unknown says who was closest, and at which p-value."""
    assert headline(verdict) == words


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (
            Verdict(Relation.DERIVED, "a", chance=1e-20, candidates=6),
            "family-wise p < 1e-15 over 6 candidates",
        ),
        (Verdict(Relation.DERIVED, "a", chance=0.001, candidates=1), "p = 0.001"),
        (Verdict(Relation.SAME_WEIGHTS, "a", chance=0.0, candidates=6), None),
        (Verdict.unknown(), None),
    ],
)
def test_the_family_wise_p_value(verdict, words):
    """Over the candidates that were compared; equal weights need none."""
    assert significance(verdict) == words


def test_changes_stand_before_the_p_value():
    """What is shown below the headline."""
    verdict = Verdict(
        Relation.DERIVED, "a", changes=(Change(ChangeKind.QUANTISED, 8),), chance=0.001
    )
    assert verdict_lines(verdict) == ["quantised to about 8 bits", "p = 0.001"]


def test_tiny_probabilities_are_not_told_apart():
    """Below 1e-15 a p-value is an extrapolation."""
    assert probability(1e-16) == "< 1e-15"
    assert probability(0.0123) == "0.012"
    assert p_equals(1e-16) == "p < 1e-15"
    assert p_equals(0.5) == "p = 0.5"
