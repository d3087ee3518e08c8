"""registry.lineage.degenerate: flat starts tell nothing of descent."""

import numpy as np
import pytest

from registry.lineage.degenerate import grew_from_identity, is_degenerate, is_flat, random_spread
from registry.lineage.features import ComparedMatrix


def matrix(values, kurtosis=3.0) -> ComparedMatrix:
    """Return a matrix of 96 x 96 with these singular values and this kurtosis."""
    return ComparedMatrix(
        layer=0, projection="query", expert=None, rows=96, cols=96, std=1.0, digest="",
        cast_digest=None, distinct_share=None, zero_share=None, singular_values=values, sketch=None,
        kurtosis=kurtosis,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "flat"),
    [
        (np.ones(16), True),
        (np.linspace(1.03, 1.0, 16), True),
        (np.zeros(16), True),
        (0.9 ** np.arange(16), False),
    ],
    ids=["orthogonal", "identity-like", "zero", "trained"],
)
def test_equal_singular_values_are_flat(values, flat):
    """Those that an orthogonal or identity-like start has, and none that training leaves."""
    assert is_flat(matrix(tuple(values.tolist()))) is flat


@pytest.mark.parametrize("size", [48, 96, 320])
def test_random_matrices_are_not_flat(size):
    """The spread that is expected of them is near what they have."""
    draw = np.random.default_rng(size)
    spreads = []
    for _ in range(5):
        values = np.linalg.svd(draw.standard_normal((size, size)), compute_uv=False)
        spreads.append(1 - values[7] / values[0])
    assert random_spread(size, size) == pytest.approx(np.mean(spreads), rel=0.4)
    assert min(spreads) > random_spread(size, size) / 2


def test_half_of_the_matrices_decide():
    """A model whose fewer half is flat is compared as any other."""
    flat, trained = matrix((1.0,) * 16), matrix(tuple(0.9 ** np.arange(16)))
    assert is_degenerate([flat, flat, trained])
    assert not is_degenerate([flat, trained, trained])
    assert not is_degenerate([])


def test_what_grew_from_the_identity_is_sparse():
    """Its kurtosis is of the size of the matrix; a few heavy tails are not enough."""
    values = tuple(0.9 ** np.arange(16))
    assert grew_from_identity([matrix(values, 90.0), matrix(values, 60.0), matrix(values)])
    assert not grew_from_identity([matrix(values, 30.0), matrix(values, 90.0), matrix(values)])
    assert not grew_from_identity([])
