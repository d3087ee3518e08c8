"""Block Lanczos with full re-orthogonalisation: the largest singular values of a matrix.

The Krylov space of G = A^T A is spanned in float32 and searched in float64. Its best vectors are
then put through A itself, which does not square the condition as G does, and the residuals are
computed from A too: those of the recurrence would not show what rounding did.
registry.numerics.device_lanczos does the same on a GPU, for many matrices at once.
"""

from dataclasses import dataclass

import numpy as np

from registry.numerics.pace import Pace
from registry.numerics.products import Gram, orthogonalise
from registry.numerics.projection import Projection, capacity_for

ROUNDING = 2.0**-22  # relative to sigma_1: of sums in float32
SAFE = 2.0**80  # magnitudes of x G, from its inverse on, whose sums float32 holds


@dataclass(frozen=True)
class Ritz:
    """Approximate singular values of a matrix, falling; or of several, one row each.

    Attributes:
        bounds: Bounds of their absolute errors, provided that none was missed.
        sure: Whether none can have been missed; one answer for each matrix.
    """

    values: np.ndarray
    bounds: np.ndarray
    sure: np.ndarray


def lanczos(gram: Gram, rank: int, block: int) -> Ritz | None:
    """Return the `rank` largest singular values; rank and block are multiples of 4.

    None where elements are not finite, or have squares that float32 does not hold.
    """
    space = Space(gram, rank, block)
    if not space.tame():
        return None
    while True:
        space.grow()
        if not space.due and not space.full:
            continue
        best = space.projection.best()
        if space.full or best.excess <= 1:
            sure = not best.tied and best.excess <= 1
            return certify(gram, space.combined(best.vectors), np.array(sure))


class Space:
    """A Krylov space of G, from a random block that is the same for all matrices of a size.

    Attributes:
        basis: capacity x n, of which projection.size rows are filled.
        next: The block that comes next, b x n.
        images: G times it, where that is known.
    """

    def __init__(self, gram: Gram, rank: int, block: int) -> None:
        self.gram = gram
        self.block = block
        capacity = capacity_for(gram.size, rank, block)
        self.basis = np.empty((capacity, gram.size), np.float32)
        self.projection = Projection(rank, block, capacity)
        self.pace = Pace(5 * rank // 2)
        self.random = np.random.Generator(np.random.PCG64(gram.size))
        self.next = self.noise(block)
        orthogonalise(self.basis[:0], self.next, 0)
        self.images: np.ndarray | None = None

    def tame(self) -> bool:
        """Return whether the first images are finite, and such as float32 can square."""
        with np.errstate(over="ignore", invalid="ignore"):
            self.images = self.gram(self.next)
        peak = float(np.abs(self.images).max())  # NaN is not below anything
        return 1 / SAFE < peak < SAFE

    @property
    def full(self) -> bool:
        """Whether no further block fits."""
        return self.projection.size + self.block > len(self.basis)

    @property
    def due(self) -> bool:
        """Whether the smallest value that is wanted seems to have settled."""
        size = self.projection.size
        if size < self.pace.due:
            return False
        return self.pace.settled(size, np.array([self.projection.smallest()]))

    def noise(self, count: int) -> np.ndarray:
        """Return random vectors, count x n."""
        return self.random.standard_normal((count, self.gram.size), np.float32)

    def grow(self) -> None:
        """Take the next block in, and G times it as the one after."""
        start = self.projection.size
        size = start + self.block
        self.basis[start:size] = self.next
        basis = self.basis[:size]
        images = self.gram(self.next) if self.images is None else self.images
        inside, outside, lost = orthogonalise(basis, images, 2 * self.block)
        if lost.any():  # so much of G times the block lies inside the space
            images[lost] = self.noise(int(lost.sum()))
            orthogonalise(basis, images, size)
        self.projection.extend(inside, outside)
        self.next = images
        self.images = None

    def combined(self, combinations: np.ndarray) -> np.ndarray:
        """Return combinations of the basis, rank x n."""
        basis = self.basis[: self.projection.size]
        return combinations.astype(np.float32) @ basis


def certify(gram: Gram, x: np.ndarray, sure: np.ndarray) -> Ritz:
    """Return singular values of A on the span of orthonormal x, rank x n, with their bounds."""
    y = gram.forward(x)
    exact = y.astype(np.float64)
    rising_squares, rising_vectors = np.linalg.eigh(exact @ exact.T)
    squares = rising_squares[::-1].clip(min=0.0)
    rotation = rising_vectors[:, ::-1].T.astype(np.float32)
    x = rotation @ x
    y = rotation @ y

    differences = gram.adjoint(y) - squares[:, None] * x
    residuals = np.linalg.norm(differences, axis=1)
    values = np.sqrt(squares)
    bounds = root_error(values, residuals) + ROUNDING * values[0]
    return Ritz(values, bounds, sure)


def root_error(values: np.ndarray, residuals: np.ndarray) -> np.ndarray:
    """Return how far values are from the roots of numbers within `residuals` of their squares.

    From |s^2 - t^2| <= d follows |s - t| <= sqrt(d), and with t >= s - d / s also
    |s - t| <= d / (2 s - d / s).
    """
    clear = residuals < values**2
    safe = np.where(clear, values, 1.0)
    part = np.where(clear, residuals, 0.0)
    near = part / (2 * safe - part / safe)
    return np.where(clear, near, np.sqrt(residuals))
