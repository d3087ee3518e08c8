"""Block Lanczos with full re-orthogonalisation: largest singular values of matrices of a shape.

The Krylov space of G = A^T A is spanned in float32 and searched in float64. Its best vectors are
then put through A itself, which does not square the condition as G does, and the residuals are
computed from A too: those of the recurrence would not show what rounding did.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from scipy.linalg import eigh, eigvals_banded

from registry.numerics.pace import Pace
from registry.numerics.products import Gram, orthogonalise

# Largest residuals of eigenvalues of G: relative to the eigenvalue, to tell it from its neighbours;
# relative to sigma sigma_1 no more than is asked for, and no less than float32 reaches.
RESOLVED = 1e-4
NEEDED, FLOOR = 1e-5, 2e-6
TIE = 5e-4  # eigenvalues this close, relatively, may stand for more than a block can find
ROUNDING = 2.0**-22  # relative to sigma_1: of sums in float32
FEW = 8  # of a space's dimensions, the part of eigenvalues that are faster computed alone
T = TypeVar("T")


@dataclass(frozen=True)
class Ritz:
    """Approximate singular values of B matrices, B x rank, falling.

    Attributes:
        bounds: Bounds of their absolute errors, provided that none was missed.
        sure: Per matrix, whether none can have been missed.
    """

    values: np.ndarray
    bounds: np.ndarray
    sure: np.ndarray


class Combinations(NamedTuple):
    """The best combinations of a Krylov basis.

    Attributes:
        excess: The largest residual over what is allowed.
        vectors: rank x size, of all matrices B x rank x size.
        tied: Whether values may tie, of all matrices B of them.
    """

    excess: float
    vectors: np.ndarray
    tied: Any


def lanczos(gram: Gram, rank: int, block: int) -> Ritz:
    """Return the `rank` largest singular values; rank and block are multiples of 4."""
    space = Space(gram, rank, block)
    while True:
        space.grow()
        if not space.due and not space.full:
            continue
        best = space.search()
        if space.full or best.excess <= 1:
            sure = ~best.tied & (best.excess <= 1)
            return certify(gram, space.combined(best.vectors), sure)


class Space:
    """A Krylov space of G, from a random block that is the same for all matrices of a size.

    A block of b random vectors finds up to b copies of a repeated value.

    Attributes:
        basis: B x size x n.
        projected: G in the basis, its lower triangle.
        coupling: How G times the last block continues in the next, B x b x b.
    """

    def __init__(self, gram: Gram, rank: int, block: int) -> None:
        self.gram = gram
        self.rank = rank
        self.block = block
        batch = gram.a.shape[0]
        room = min(gram.size - block, 24 * rank + 128)  # with room for a last image
        capacity = room // block * block
        self.random = torch.Generator().manual_seed(gram.size)
        self.basis = torch.empty(batch, capacity, gram.size, device=gram.a.device)
        self.projected = np.zeros((batch, capacity, capacity))
        self.coupling = np.zeros((batch, block, block))
        self.size = 0
        self.pace = Pace(5 * rank // 2)
        self.next = self.noise(block).repeat(batch, 1, 1)
        orthogonalise(self.basis[:, :0], self.next)

    @property
    def full(self) -> bool:
        """Whether no further block fits."""
        return self.size + self.block > self.basis.shape[1]

    @property
    def due(self) -> bool:
        """Whether the smallest value that is wanted seems to have settled."""
        if self.size < self.pace.due:
            return False
        smallest = for_each_matrix(self.smallest, self.projected)
        return self.pace.settled(self.size, np.array(smallest))

    def smallest(self, projected: np.ndarray) -> float:
        """Return the rank-th eigenvalue of one matrix; what lies outside the band is rounding."""
        size = self.size
        band = np.zeros((self.block + 1, size))
        for i, row in enumerate(band):
            row[: size - i] = projected[:size, :size].diagonal(-i)
        place = size - self.rank
        eigenvalues = eigvals_banded(band, lower=True, select="i", select_range=(place, place))
        return float(eigenvalues[0])

    def noise(self, count: int) -> torch.Tensor:
        """Return random vectors, count x n."""
        vectors = torch.randn(count, self.gram.size, generator=self.random)
        return vectors.to(self.gram.a.device)

    def grow(self) -> None:
        """Take the next block in, and G times it as the one after."""
        start = self.size
        self.size += self.block
        self.basis[:, start : self.size] = self.next
        basis = self.basis[:, : self.size]
        images = self.gram(self.next)
        inside, outside, lost = orthogonalise(basis, images)
        if lost.any():  # so much of G times the block lies inside the space
            images[lost] = self.noise(int(lost.sum()))
            orthogonalise(basis, images)
        self.next = images
        self.projected[:, start : self.size, : self.size] = inside.cpu()
        self.coupling = outside.cpu().numpy()

    def search(self) -> Combinations:
        """Return the best combinations of the basis for all matrices."""
        of_matrices = for_each_matrix(self.ritz, self.projected, self.coupling)
        return Combinations(
            excess=max(best.excess for best in of_matrices),
            vectors=np.stack([best.vectors for best in of_matrices]),
            tied=np.array([best.tied for best in of_matrices]),
        )

    def ritz(self, projected: np.ndarray, coupling: np.ndarray) -> Combinations:
        """Return the best combinations of the basis for one matrix."""
        values, vectors = self.top_eigenpairs(projected)
        last_block = vectors[-self.block :]
        residuals = np.linalg.norm(coupling.T @ last_block, axis=0)
        scale = np.sqrt(values * values[0])  # sigma sigma_1
        allowed = np.clip(RESOLVED * values, FLOOR * scale, NEEDED * scale)

        upper = values[: 1 - self.block]
        lower = values[self.block - 1 :]
        tied = upper - lower <= TIE * upper
        excess = (residuals / allowed).max()
        return Combinations(float(excess), vectors.T, bool(tied.any()))

    def top_eigenpairs(self, projected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the `rank` largest eigenvalues, falling, and their vectors, size x rank."""
        size, rank = self.size, self.rank
        options: dict[str, Any] = {"driver": "evd"}
        if rank < size / FEW:
            options = {"subset_by_index": (size - rank, size - 1)}
        values, vectors = eigh(projected[:size, :size], **options)
        falling = slice(None, -rank - 1, -1)
        return values[falling].clip(0), vectors[:, falling]

    def combined(self, combinations: np.ndarray) -> torch.Tensor:
        """Return combinations of the basis, B x rank x n."""
        basis = self.basis[:, : self.size]
        return torch.from_numpy(combinations).to(self.basis) @ basis


def for_each_matrix(function: Callable[..., T], *arrays: np.ndarray) -> list[T]:
    """Call a function on the part of every matrix, side by side where there are several.

    LAPACK lets go of the interpreter, so that threads help.
    """
    if len(arrays[0]) == 1:
        parts = [stacked[0] for stacked in arrays]
        return [function(*parts)]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(function, *arrays))


def certify(gram: Gram, x: torch.Tensor, sure: np.ndarray) -> Ritz:
    """Return singular values of A on the span of orthonormal x, B x rank x n, with their bounds."""
    y = gram.forward(x)
    double = y.double()
    rising_squares, rising_vectors = torch.linalg.eigh((double @ double.mT).cpu())
    squares = rising_squares.flip(1).clamp(min=0.0)
    rotation = rising_vectors.flip(2).mT.to(x)
    x = rotation @ x
    y = rotation @ y

    images = gram.adjoint(y).double()
    differences = images - squares.to(x.device)[..., None] * x
    residuals = differences.norm(dim=2).cpu()
    values = squares.sqrt()
    bounds = root_error(values, residuals) + ROUNDING * values[:, :1]
    return Ritz(values.numpy(), bounds.numpy(), sure)


def root_error(values: torch.Tensor, residuals: torch.Tensor) -> torch.Tensor:
    """Return how far values are from the roots of numbers within `residuals` of their squares.

    From |s^2 - t^2| <= d follows |s - t| <= sqrt(d), and with t >= s - d / s also
    |s - t| <= d / (2 s - d / s).
    """
    near = residuals / (2 * values - residuals / values)
    return torch.where(residuals < values.square(), near, residuals.sqrt())
