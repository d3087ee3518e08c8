"""registry.numerics.compiled.products: kernels over tiles and strips, against float64."""

import numpy as np
import pytest

from registry.numerics.arrays import BF16, F16
from registry.numerics.compiled import products as kernels
from registry.numerics.compiled.products import STRIP, TILE
from registry.numerics.products import words

pytestmark = pytest.mark.slow


# Rows and columns that leave remainders of every loop.
SHAPES = [(TILE + 13, 70), (3, STRIP + 5), (1, 1)]


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("vectors", [4, 8])
def test_products_over_tiles_and_strips(shape, vectors):
    """Products x A^T, y A and x A^T A are those of float64, whatever is left over at the edges."""
    m, n = shape
    a, x, y = normal(m, n), normal(vectors, n, seed=1), normal(vectors, m, seed=2)
    exact = a.astype(float)
    dots = np.empty((vectors, m), np.float32)
    kernels.dots(a, x, dots)
    assert dots == pytest.approx(x @ exact.T, abs=1e-3)

    sums = np.ones((vectors, n), np.float32)
    kernels.add(a, y, sums)
    assert sums == pytest.approx(1 + y @ exact, abs=1e-3)

    gram = np.ones((vectors, n), np.float32)
    kernels.add_gram(a, x, gram, 0.5)
    expected = 1 + 0.5 * x @ exact.T @ exact
    assert gram == pytest.approx(expected, abs=1e-5 * np.abs(expected).max())


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [BF16, F16], ids=lambda dtype: dtype.name)
def test_narrow_types_are_widened_exactly(dtype):
    """A product with one vector of the standard basis reads out the elements themselves."""
    values = np.array([[1.5, -(2.0**-14), 2.0**-24, 60000.0, 0.0]]).astype(dtype)
    dots = np.empty((8, 1), np.float32)
    kernels.dots(words(values), np.eye(8, 5, dtype=np.float32), dots)
    assert dots[:5, 0].tolist() == values[0].astype(float).tolist()


def test_basis_of_several_tiles():
    """Rows become orthonormal to a basis that is larger than one tile."""
    basis = np.ascontiguousarray(np.linalg.qr(normal(200, TILE + 7))[0].T)
    w = normal(4, 200, seed=1)
    before = w.astype(float)
    inside = np.zeros((4, TILE + 7), np.float32)
    outside, lost = np.eye(4), np.zeros(4, bool)
    kernels.orthogonalise(basis, w, inside, outside, lost, 8)
    both = np.vstack([basis, w]).astype(float)
    assert both @ both.T == pytest.approx(np.eye(TILE + 11), abs=1e-5)
    assert inside @ basis.astype(float) + outside @ w == pytest.approx(before, abs=1e-4)
    assert not lost.any()
