"""registry.report.number_wording: the numbers of a change in words."""

import pytest

from registry.lineage.verdict import Evidence, EvidenceKind
from registry.report.number_wording import NUMBERS, UNKNOWN_NUMBERS, number_sentence

LINES = [
    (
        Evidence(EvidenceKind.FIRST_DIRECTIONS, 0.998, pairs=90, strongest=0.61, count=1),
        (
            "the change of each matrix: 99.8% of its energy in its first direction"
            " (maximum over 90 children trained or rounded in full: 61.0%)"
        ),
    ),
    (
        Evidence(EvidenceKind.SHARED_DIRECTIONS, 0.99, pairs=90, strongest=0.7, count=2),
        (
            "the changes of all matrices: 99.0% of their energy in the same 2 directions"
            " (maximum over 90 merged LoRAs: 70.0%)"
        ),
    ),
    (
        Evidence(EvidenceKind.ENERGY_LOST, 0.98, pairs=90, strongest=0.4),
        "the weights lost 0.98 times the change's energy (maximum over 90 merged LoRAs: 0.40)",
    ),
    (
        Evidence(EvidenceKind.ALONG_WEIGHTS, 0.999, pairs=90, strongest=0.1),
        (
            "99.9% of the change's energy runs along what the weights wrote there"
            " (maximum over 90 merged LoRAs: 10.0%)"
        ),
    ),
    (
        Evidence(EvidenceKind.LEFT_OVER, 0.001, pairs=90, strongest=0.95),
        (
            "0.1% of the energy that the weights wrote there is left"
            " (minimum over 90 merged LoRAs: 95.0%)"
        ),
    ),
    (
        Evidence(EvidenceKind.MATRICES_CHANGED, 0.01, pairs=90, strongest=0.14),
        "1.0% of the matrices changed (minimum over 90 ordinary children: 14.0%)",
    ),
    (
        Evidence(EvidenceKind.DISTINCT_VALUES, 0.2, pairs=90, strongest=0.98),
        (
            "20.0% of the base's distinct values among neighbours"
            " (minimum over 90 children that were not quantised: 98.0%)"
        ),
    ),
    (
        Evidence(EvidenceKind.DISTINCT_VALUES, 0.2, pairs=9, strongest=0.5, count=8),
        (
            "20.0% of the base's distinct values among neighbours"
            " (minimum over 9 files that hold the 8 bits they state: 50.0%)"
        ),
    ),
    (Evidence(EvidenceKind.MATRICES_CHANGED, 0.01), "1.0% of the matrices changed"),
    (
        Evidence(EvidenceKind.ALONG_WEIGHTS),
        (
            "whether the change takes out what the weights wrote there cannot be told from what is"
            " stored: compare both checkpoints"
        ),
    ),
]


@pytest.mark.parametrize(("line", "sentence"), LINES, ids=[s[:30] for _, s in LINES])
def test_a_number_in_words(line, sentence):
    """The number, and the furthest that ordinary children came to."""
    assert number_sentence(line) == sentence


def test_every_number_has_words():
    """None is left without a sentence, and each is tested."""
    assert set(NUMBERS) == {line.kind for line, _ in LINES}
    assert set(UNKNOWN_NUMBERS) <= set(NUMBERS)
