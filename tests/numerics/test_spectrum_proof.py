"""registry.numerics.spectrum_proof: whether a value was missed."""

import matrices
import numpy as np
import pytest
import torch

from registry.numerics.spectrum import TOLERANCE, Spectrum, spectra
from registry.numerics.spectrum_proof import proven

FALLING = np.linspace(5.0, 1.0, 60)
MATRIX = torch.from_numpy(matrices.with_values(np.random.default_rng(1), 90, 60, FALLING))

BOUNDS = [1e-6] * 60


def top_singular_values(matrix: torch.Tensor, rank: int, tolerance: float = TOLERANCE, **proof):
    """The spectrum of one matrix alone."""
    (spectrum_found,) = spectra([matrix], rank, tolerance, **proof)
    return spectrum_found


@pytest.mark.parametrize("rank", [1, 7, 16, 60])
def test_all_are_proven(rank):
    """Where values stand apart, each is proven."""
    assert proven(MATRIX, FALLING[:rank], BOUNDS[:rank]) == rank
    assert proven(MATRIX.T, FALLING[:rank], BOUNDS[:rank]) == rank


@pytest.mark.parametrize("missed", [0, 3, 9])
def test_a_missed_value_is_noticed(missed):
    """What stands above a missed value is proven, nothing below it."""
    assert proven(MATRIX, np.delete(FALLING, missed)[:10], BOUNDS[:10]) == missed


def test_what_may_tie_with_the_next_is_left_open():
    """Of equal values at the end none can be proven to be the last; those before them are."""
    values = np.r_[4.0, 3.0, [2.0] * 6, np.linspace(1.5, 1.0, 52)]
    matrix = torch.from_numpy(matrices.with_values(np.random.default_rng(2), 90, 60, values))
    assert proven(matrix, values[:5], BOUNDS[:5]) == 2
    assert proven(matrix, values[:8], BOUNDS[:8]) == 8


@pytest.mark.parametrize("kind", ["gaussian", "power law 0.7", "outliers 100:1", "shifted"])
@pytest.mark.parametrize("dtype", matrices.DTYPES, ids=str)
def test_what_is_found_is_proven(kind, dtype):
    """The values of block Lanczos are, for matrices of every type."""
    matrix = matrices.matrix(kind, 400, 300, dtype, seed=4)
    found = top_singular_values(matrix, 16)
    assert proven(matrix, found.values, found.bounds) == 16


@pytest.mark.parametrize("kind", ["gaussian", "repeated", "orthogonal", "low rank"])
def test_asked_for(kind):
    """With a proof that is wanted the values are as good as without, where it fails too."""
    matrix = matrices.matrix(kind, 400, 300, torch.bfloat16, seed=5)
    found = top_singular_values(matrix, 16, prove=True)
    expected = np.linalg.svd(matrix.double().numpy(), compute_uv=False)[:16]
    assert (
        np.abs(np.array(found.values) - expected) <= np.array(found.bounds) + 1e-13 * expected[0]
    ).all()


def test_a_value_that_block_lanczos_misses_is_found(monkeypatch):
    """What no proof stands for is computed anew."""
    monkeypatch.setattr(
        "registry.numerics.spectrum.krylov", lambda *_: [Spectrum(missing, (1e-6,) * 10)]
    )
    missing = tuple(np.delete(FALLING, 3)[:10])
    matrix = torch.from_numpy(
        matrices.with_values(np.random.default_rng(1), 400, 300, np.linspace(5.0, 1.0, 300))
    )
    assert top_singular_values(matrix, 10).values == missing
    assert top_singular_values(matrix, 10, prove=True).values == pytest.approx(
        np.linspace(5.0, 1.0, 300)[:10]
    )
