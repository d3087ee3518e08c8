"""A matrix as it acts on a few vectors at a time, read in its storage type.

No float copy of the whole matrix is made. The products are compiled (compiled/products.py); where
numba is missing they are numpy's. Shapes: a matrix of m x n in bfloat16, float16 or float32, and b
vectors, float32, as rows. registry.numerics.device_products does the same on a GPU.
"""

from collections.abc import Iterator
from contextlib import suppress
from types import ModuleType
from typing import NamedTuple

import numpy as np

from registry.numerics.arrays import BF16, F16, F32, float32
from registry.numerics.compiled.loading import loaded, remembered

# As the kernels read them: numba has neither bfloat16 nor float16.
ALIASES: dict[np.dtype, np.dtype] = {BF16: np.dtype(np.uint16), F16: np.dtype(np.int16), F32: F32}
LOST = 1e-12  # of a vector's squared length: what is left of it then is mostly rounding
RIDGE = LOST / 16  # relative, on the diagonal of a Gram matrix: keeps it positive definite
LEAST_RIDGE = 1e-300  # where the diagonal is zero
FLOAT32_ELEMENTS = 1 << 20  # of a matrix, held as float32 at a time by numpy's products


class Orthogonalised(NamedTuple):
    """What b rows were, in terms of a basis of k rows and of the rows that they became.

    Attributes:
        inside: b x k, float32.
        outside: b x b, float64, so that the rows were inside basis + outside rows.
        lost: b, of which rows rounding has left nothing.
    """

    inside: np.ndarray
    outside: np.ndarray
    lost: np.ndarray


@remembered
def kernels(dtype: np.dtype) -> ModuleType | None:
    """Return the compiled products for a type; None where numba is missing or cannot compile them.

    Only large matrices need wait for numba, which takes a while to load.
    """
    module = loaded("products")
    if module is None:
        return None
    one = np.ones((1, 1), np.float32).astype(dtype)
    vectors = np.ones((4, 1), np.float32)
    with suppress(module.NumbaError, OSError):
        module.dots(words(one), vectors, vectors.copy())
        module.add(words(one), vectors, vectors.copy())
        module.add_gram(words(one), vectors, vectors.copy(), 1.0)
        return module
    return None


def words(a: np.ndarray) -> np.ndarray:
    """Return an array as the kernels read it."""
    return a.view(ALIASES[a.dtype])


def dots(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return x A^T, b x m, for x: b x n."""
    y = np.empty((len(x), len(a)), np.float32)
    kernel = kernels(a.dtype)
    if kernel is not None:
        kernel.dots(words(a), x, y)
        return y
    for rows in blocks(a):
        np.matmul(x, float32(a[rows]).T, out=y[:, rows])
    return y


def add(a: np.ndarray, y: np.ndarray, z: np.ndarray) -> None:
    """Add y A to z, in place: y is b x m, z is b x n."""
    kernel = kernels(a.dtype)
    if kernel is not None:
        kernel.add(words(a), y, z)
        return
    for rows in blocks(a):
        z += y[:, rows] @ float32(a[rows])


def add_gram(a: np.ndarray, x: np.ndarray, z: np.ndarray, scale: float) -> None:
    """Add scale * x A^T A to z, in place: x and z are b x n."""
    kernel = kernels(a.dtype)
    if kernel is not None:
        kernel.add_gram(words(a), x, z, scale)
        return
    for rows in blocks(a):
        block = float32(a[rows])
        y = x @ block.T
        y *= np.float32(scale)
        z += y @ block


def blocks(a: np.ndarray) -> Iterator[slice]:
    """Yield the rows of a matrix, a few at a time."""
    height = max(1, FLOAT32_ELEMENTS // max(1, a.shape[1]))
    for start in range(0, len(a), height):
        yield slice(start, start + height)


def orthogonalise(basis: np.ndarray, w: np.ndarray, near: int) -> Orthogonalised:
    """Make rows orthonormal to a basis and to each other, in place: Gram-Schmidt by blocks.

    Args:
        basis: k x n.
        w: b x n.
        near: How many of the basis' last rows hold most of what w's rows have of the basis.

    First the near rows are taken out, then all; once more where that has left less than half of the
    square of a row. Rows of which rounding leaves nothing become zero.
    """
    count = len(w)
    inside = np.zeros((count, len(basis)), np.float32)
    outside = np.eye(count)
    lost = np.zeros(count, dtype=bool)
    result = Orthogonalised(inside, outside, lost)

    kernel = kernels(F32)
    if kernel is not None:
        kernel.orthogonalise(basis, w, inside, outside, lost, near)
    else:
        orthogonalise_in_numpy(basis, w, result)
    return result


def orthogonalise_in_numpy(basis: np.ndarray, w: np.ndarray, result: Orthogonalised) -> None:
    """Change w as `orthogonalise` says, and fill the result."""
    inside, outside, lost = result
    longest = (w * w).sum(1).max()
    inside += project(basis, w)
    lower = orthonormalise(w)
    lost |= lower.diagonal() ** 2 <= LOST * longest
    w[lost] = 0
    lower[:, lost] = 0

    inside += (lower @ project(basis, w)).astype(np.float32)
    outside[:] = lower @ orthonormalise(w)


def project(basis: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Take the basis' part out of w, in place, and return it: b x k."""
    part: np.ndarray = w @ basis.T
    w -= part @ basis
    return part


def orthonormalise(w: np.ndarray) -> np.ndarray:
    """Make rows orthonormal, in place, by Cholesky in float64; rows of zeros stay.

    Returns lower, b x b: w was lower w'.
    """
    exact = w.astype(np.float64)
    square = exact @ exact.T
    diagonal = np.einsum("ii->i", square)  # a view
    diagonal *= 1 + RIDGE
    diagonal += LEAST_RIDGE
    lower: np.ndarray = np.linalg.cholesky(square)
    w[:] = np.linalg.solve(lower, exact)
    return lower


class Gram:
    """What a matrix does from its smaller side: x to x G, G = A^T A (or A A^T where m < n).

    a: m x n. scale: a power of two that A is multiplied by, so that squares stay inside float32's
    range. size: of the smaller side, long: of the larger.
    """

    def __init__(self, a: np.ndarray, scale: float = 1.0) -> None:
        self.a = a
        self.scale = scale
        self.wide = a.shape[0] < a.shape[1]
        self.size, self.long = sorted(a.shape)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the images of x, b x size, under A: b x long."""
        scaled = self.scaled(x)
        if self.wide:
            return combined(self.a, scaled)
        return dots(self.a, scaled)

    def adjoint(self, y: np.ndarray) -> np.ndarray:
        """Return the images of y, b x long, under A^T: b x size."""
        scaled = self.scaled(y)
        if self.wide:
            return dots(self.a, scaled)
        return combined(self.a, scaled)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return x G, b x size; a tall matrix is read once."""
        if self.wide:
            return self.adjoint(self.forward(x))
        z = np.zeros_like(x)
        add_gram(self.a, self.scaled(x), z, self.scale)
        return z

    def scaled(self, x: np.ndarray) -> np.ndarray:
        """Return vectors times the scale."""
        return x if self.scale == 1 else x * np.float32(self.scale)


def combined(a: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return y A, b x n: combinations of the rows of A."""
    z = np.zeros((len(y), a.shape[1]), np.float32)
    add(a, y, z)
    return z
