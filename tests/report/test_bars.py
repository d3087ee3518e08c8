"""registry.report.bars: how far beyond unrelated pairs a number lies."""

import pytest

from registry.lineage.verdict import Evidence, EvidenceKind
from registry.report.bars import FULL, Bar, bar_of


@pytest.mark.parametrize(
    ("kind", "value", "width"),
    [
        (EvidenceKind.STREAM, 1.0, 50.0),
        (EvidenceKind.STREAM, 8.0, 75.0),
        (EvidenceKind.STREAM, 0.125, 25.0),
        (EvidenceKind.STREAM, FULL, 100.0),
        (EvidenceKind.STREAM, 1e9, 100.0),
        (EvidenceKind.STREAM, 0.0, 0.0),
        (EvidenceKind.STREAM, -3.0, 0.0),
        (EvidenceKind.SPECTRA, 0.125, 75.0),
        (EvidenceKind.SPECTRA, 8.0, 25.0),
        (EvidenceKind.SPECTRA, 0.0, 100.0),
    ],
)
def test_a_longer_bar_is_closer(kind, value, width):
    """The null is in the middle of all; each doubling of closeness is as wide, in either direction."""
    assert bar_of(Evidence(kind, value, null=1.0)) == Bar(width, 50.0)


def test_a_null_of_zero():
    """Is far below any value."""
    assert bar_of(Evidence(EvidenceKind.STREAM, 1.0, null=0.0)) == Bar(100.0, 50.0)


def test_a_line_without_a_null():
    """Has no bar: there is nothing to hold it against."""
    assert bar_of(Evidence(EvidenceKind.STREAM, 1.0)) is None
