"""registry.numerics.products: compiled and numpy's own, against float64."""

import sys

import numpy as np
import pytest

from registry.numerics import products
from registry.numerics.arrays import BF16, F16, F32, float64
from registry.numerics.products import Gram, add, dots, orthogonalise

TYPES = [BF16, F16, F32]
SHAPES = [(1, 1), (3, 5), (7, 2), (64, 33), (100, 2100), (2100, 100)]
LOST_ROWS = ["in the basis", "zero", "equal"]


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def orthonormal(rows: int, size: int) -> np.ndarray:
    return np.ascontiguousarray(np.linalg.qr(normal(size, rows))[0].T)


@pytest.fixture(params=["compiled", "numpy"])
def way(request, monkeypatch):
    """Both ways to multiply."""
    if request.param == "numpy":
        monkeypatch.setattr(products, "kernels", lambda _: None)
    else:
        assert products.kernels(BF16)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", TYPES, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("vectors", [4, 12])
def test_products(way, shape, dtype, vectors):
    """Dots, sums and the product with both are those of float64, whatever is left over."""
    rows, columns = shape
    a = normal(*shape).astype(dtype)
    exact = float64(a)
    x, y, z = (
        normal(vectors, columns, seed=1),
        normal(vectors, rows, seed=2),
        normal(vectors, columns),
    )
    assert dots(a, x) == pytest.approx(x @ exact.T, abs=1e-3 * columns**0.5 / 30)

    before = z.astype(float)
    add(a, y, z)
    assert z == pytest.approx(before + y @ exact, abs=1e-3 * rows**0.5 / 30)

    tall = columns <= rows
    expected = x @ (exact.T @ exact) if tall else y @ (exact @ exact.T)
    product = Gram(a)(x if tall else y)
    assert product == pytest.approx(expected, abs=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("scale", [2.0**-90, 2.0**90])
def test_scale(way, scale):
    """A matrix of any magnitude is brought near 1 by a scale, without a copy."""
    a, x = normal(50, 20), normal(4, 20, seed=1)
    scaled = Gram(a * np.float32(scale), 1 / scale)
    assert scaled(x) == pytest.approx(Gram(a)(x), rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("near", [0, 8, 30])
def test_orthogonalise(way, near):
    """Rows become orthonormal to the basis and each other, and two factors say what they were."""
    basis = orthonormal(30, 100)
    w = normal(8, 100, seed=1) * np.logspace(-2, 2, 8, dtype=np.float32)[:, None]
    w[3] += 1e2 * basis[5]
    before = w.astype(float)
    inside, outside, lost = orthogonalise(basis, w, near)
    assert not lost.any()

    both = np.vstack([basis, w])
    assert both @ both.T == pytest.approx(np.eye(38), abs=1e-6)
    again = inside.astype(float) @ basis + outside @ w
    lengths = np.linalg.norm(before, axis=1)
    assert (np.linalg.norm(again - before, axis=1) <= 1e-5 * lengths).all()


@pytest.mark.parametrize("what", LOST_ROWS)
@pytest.mark.parametrize("near", [0, 30])
def test_lost_rows(way, what, near):
    """Rows that add nothing to the basis and the rows before them become zero, and are reported."""
    basis, w = orthonormal(30, 100), normal(4, 100, seed=1)
    rows = {"in the basis": 3 * basis[7] - basis[9], "zero": 0 * w[1], "equal": w[1]}
    w[2] = rows[what]
    _, outside, lost = orthogonalise(basis, w, near)
    assert lost.tolist() == [False, False, True, False]
    assert np.linalg.norm(w, axis=1) == pytest.approx([1, 1, 0, 1], abs=1e-6)
    assert not outside[:, 2].any()


def test_without_numba(monkeypatch):
    """Where the compiler is missing, numpy multiplies."""
    monkeypatch.setitem(sys.modules, "registry.numerics.compiled.products", None)
    monkeypatch.delattr("registry.numerics.compiled.products", raising=False)
    products.kernels.cache_clear()
    assert products.kernels(F32) is None
    products.kernels.cache_clear()


def test_a_machine_that_numba_cannot_serve(monkeypatch):
    """Nor does a compiler that fails stop anyone."""
    from numba.core.errors import TypingError

    from registry.numerics.compiled import products as kernels

    def fail(*_):
        raise TypingError("unknown machine")

    monkeypatch.setattr(kernels, "add_gram", fail)
    products.kernels.cache_clear()
    assert products.kernels(F32) is None
    products.kernels.cache_clear()
