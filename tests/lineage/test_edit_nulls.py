"""registry.lineage.edit_nulls: the numbers of an edit beside those of ordinary children."""

import pytest

from registry.lineage.edit_nulls import EditNull, EditNumber, Measured, edit_nulls
from registry.lineage.verdict import LOWER_IS_CLOSER, EvidenceKind
from registry.numerics.change_directions import KEPT

HIGHER = EditNull(children=99, start=0.5, strongest=0.6)
LOWER = EditNull(children=99, start=0.5, strongest=0.4, sign=-1)


@pytest.mark.parametrize(
    ("null", "value", "expected"),
    [
        (HIGHER, 0.4, 1.0),
        (HIGHER, 0.55, 0.05),
        (HIGHER, 0.7, 0.01),
        (LOWER, 0.6, 1.0),
        (LOWER, 0.45, 0.05),
        (LOWER, 0.3, 0.01),
    ],
)
def test_chances_are_counted(null, value, expected):
    """Beyond what was seen the p-value is that of one more child: nothing is extrapolated."""
    assert null.p_value(value) == expected


def test_every_number_has_a_null():
    """Whatever is measured stands beside many children, on the side that speaks for an edit."""
    sketched = [(EvidenceKind.FIRST_DIRECTIONS, n) for n in (1, 2, 3)]
    sketched += [(EvidenceKind.SHARED_DIRECTIONS, n) for n in (1, 2, 3)]
    sketched += [(EvidenceKind.ENERGY_LOST, 1), (EvidenceKind.MATRICES_CHANGED, 1)]
    weighed = [(EvidenceKind.FIRST_DIRECTIONS, n) for n in range(1, KEPT + 1)]
    weighed += [(EvidenceKind.SHARED_DIRECTIONS, n) for n in range(1, KEPT + 1)]
    weighed += [(EvidenceKind.ALONG_WEIGHTS, 1), (EvidenceKind.LEFT_OVER, 1)]
    for measured, numbers in ((Measured.SKETCHES, sketched), (Measured.WEIGHTS, weighed)):
        for kind, directions in numbers:
            null = EditNumber(kind, 0.0, measured, directions).null
            assert null.children >= 20
            assert null.sign * null.strongest >= null.sign * null.start
            assert (null.sign == -1) == (kind in LOWER_IS_CLOSER)


def test_no_null_is_left_over():
    """Every one in the file is of a kind of evidence."""
    for _, name in edit_nulls():
        assert any(name.startswith(str(kind)) for kind in EvidenceKind)
