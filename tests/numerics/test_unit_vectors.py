"""registry.numerics.unit_vectors: rows of one length, and vectors of length 1."""

import numpy as np
import pytest

from registry.numerics.unit_vectors import normalised, padded, unit


def test_padded_rows_have_one_length():
    """Short spectra are padded, with zeros or what is asked for; long ones are cut."""
    assert padded([(3.0, 4.0, 9.0), (2.0,), ()], 2).tolist() == [[3.0, 4.0], [2.0, 0.0], [0.0, 0.0]]
    assert np.isnan(padded([(2.0,)], 3, missing=np.nan)).tolist() == [[False, True, True]]
    assert padded([], 4).shape == (0, 4)


def test_normalised_rows_have_unit_length():
    """Each row is scaled to length 1 after it was padded or cut; zeros stay zero."""
    rows = normalised([(3.0, 4.0, 9.0), (2.0,), ()], 2)
    assert rows.tolist() == [[0.6, 0.8], [1.0, 0.0], [0.0, 0.0]]


def test_a_unit_vector_is_rounded_to_half_precision():
    """Length 1 to three digits, in numbers that float16 holds."""
    assert unit(np.array([3.0, 4.0])).tolist() == np.float16([0.6, 0.8]).tolist()


@pytest.mark.parametrize("values", [[0.0, 0.0], [np.inf, 1.0], [np.nan, 1.0]], ids=str)
def test_what_has_no_length_becomes_zeros(values):
    """Infinities and NaN do not spread."""
    assert unit(np.array(values)).tolist() == [0.0, 0.0]
