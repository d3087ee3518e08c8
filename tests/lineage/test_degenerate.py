"""registry.lineage.degenerate: flat starts tell nothing of descent."""

import numpy as np
import pytest
from columns_made import matrix_columns

from registry.lineage.degenerate import are_flat, grew_from_identity, is_degenerate, random_spreads
from registry.lineage.matrix_columns import MatrixColumns

TRAINED = 0.9 ** np.arange(16)


def columns(*spectra, kurtosis=()) -> MatrixColumns:
    """Return matrices with these singular values and kurtoses."""
    values = np.array(spectra, float).reshape(-1, 16)
    known = {"kurtosis": np.array(kurtosis)} if kurtosis else {}
    return matrix_columns(len(spectra), singular_values=values, **known)


@pytest.mark.parametrize(
    ("values", "flat"),
    [
        (np.ones(16), True),
        (np.linspace(1.03, 1.0, 16), True),
        (np.zeros(16), True),
        (TRAINED, False),
        (np.where(np.arange(16) < 5, 1.0, np.nan), False),
    ],
    ids=["orthogonal", "identity-like", "zero", "trained", "fewer than eight"],
)
def test_equal_singular_values_are_flat(values, flat):
    """Those that an orthogonal or identity-like start has, and none that training leaves."""
    assert are_flat(columns(values)).tolist() == [flat]


@pytest.mark.parametrize("size", [48, 96, 320])
def test_random_matrices_are_not_flat(size):
    """The spread that is expected of them is near what they have."""
    draw = np.random.default_rng(size)
    spreads = []
    for _ in range(5):
        values = np.linalg.svd(draw.standard_normal((size, size)), compute_uv=False)
        spreads.append(1 - values[7] / values[0])
    sizes = np.array([size])
    (expected,) = random_spreads(sizes, sizes)
    assert expected == pytest.approx(np.mean(spreads), rel=0.4)
    assert min(spreads) > expected / 2


def test_half_of_the_matrices_decide():
    """A model whose fewer half is flat is compared as any other."""
    flat = np.ones(16)
    assert is_degenerate(columns(flat, flat, TRAINED))
    assert not is_degenerate(columns(flat, TRAINED, TRAINED))
    assert not is_degenerate(columns())


def test_what_grew_from_the_identity_is_sparse():
    """Its kurtosis is of the size of the matrix; a few heavy tails are not enough."""
    three = [TRAINED] * 3
    assert grew_from_identity(columns(*three, kurtosis=[90.0, 60.0, 3.0]))
    assert not grew_from_identity(columns(*three, kurtosis=[30.0, 90.0, 3.0]))
    assert not grew_from_identity(columns())
