"""registry.numerics.proof: whether a value was missed."""

import matrices
import numpy as np
import pytest
import torch

from registry.numerics.proof import proven
from registry.numerics.spectrum import Spectrum, top_singular_values

FALLING = np.linspace(5.0, 1.0, 60)
MATRIX = torch.from_numpy(matrices.with_values(np.random.default_rng(1), 90, 60, FALLING))


def of(values: np.ndarray, bound: float = 1e-6) -> Spectrum:
    return Spectrum(tuple(values), (bound,) * len(values))


@pytest.mark.parametrize("rank", [1, 7, 16, 60])
def test_all_are_proven(rank):
    """Where values stand apart, each is proven."""
    assert proven(MATRIX, of(FALLING[:rank])) == rank
    assert proven(MATRIX.T, of(FALLING[:rank])) == rank


@pytest.mark.parametrize("missed", [0, 3, 9])
def test_a_missed_value_is_noticed(missed):
    """What stands above a missed value is proven, nothing below it."""
    assert proven(MATRIX, of(np.delete(FALLING, missed)[:10])) == missed


def test_what_may_tie_with_the_next_is_left_open():
    """Of equal values at the end none can be proven to be the last; those before them are."""
    values = np.r_[4.0, 3.0, [2.0] * 6, np.linspace(1.5, 1.0, 52)]
    matrix = torch.from_numpy(matrices.with_values(np.random.default_rng(2), 90, 60, values))
    assert proven(matrix, of(values[:5])) == 2
    assert proven(matrix, of(values[:8])) == 8


@pytest.mark.parametrize("kind", ["gaussian", "power law 0.7", "outliers 100:1", "shifted"])
@pytest.mark.parametrize("dtype", matrices.DTYPES, ids=str)
def test_what_is_found_is_proven(kind, dtype):
    """The values of block Lanczos are, for matrices of every type."""
    matrix = matrices.matrix(kind, 400, 300, dtype, seed=4)
    assert proven(matrix, top_singular_values(matrix, 16)) == 16
