"""G = A^T A inside a growing Krylov space: small, in float64, and searched for its best vectors."""

from typing import Any, NamedTuple

import numpy as np

# Largest residuals of eigenvalues of G: relative to the eigenvalue, to tell it from its neighbours;
# relative to sigma sigma_1 no more than is asked for, and no less than float32 reaches.
RESOLVED = 1e-4
NEEDED, FLOOR = 1e-5, 2e-6
TIE = 5e-4  # eigenvalues this close, relatively, may stand for more than a block can find
FEW = 8  # of a space's dimensions, the part of eigenvalues that are faster computed alone


class Combinations(NamedTuple):
    """The best combinations of a Krylov basis.

    Attributes:
        excess: The largest residual over what is allowed.
        vectors: rank x size.
        tied: Whether values may tie.
    """

    excess: float
    vectors: np.ndarray
    tied: bool


class Projection:
    """G in the basis of a Krylov space that grows block by block.

    A block of b random vectors finds up to b copies of a repeated value.

    Attributes:
        lower: its lower triangle; what lies outside a band of b is rounding.
        coupling: how G times the last block continues in the next, b x b.
        size: how many rows and columns are filled.
    """

    def __init__(self, rank: int, block: int, capacity: int) -> None:
        self.rank = rank
        self.block = block
        self.lower = np.zeros((capacity, capacity))
        self.coupling = np.zeros((block, block))
        self.size = 0

    def extend(self, inside: np.ndarray, outside: np.ndarray) -> None:
        """Take in what G makes of the next block: b x size inside the space, b x b outside."""
        start = self.size
        self.size += self.block
        self.lower[start : self.size, : self.size] = inside
        self.coupling = outside

    def smallest(self) -> float:
        """Return the rank-th eigenvalue."""
        from scipy.linalg import eigvals_banded  # noqa: PLC0415  # not every command needs it

        size = self.size
        band = np.zeros((self.block + 1, size))
        for i, row in enumerate(band):
            row[: size - i] = self.lower[:size, :size].diagonal(-i)
        place = size - self.rank
        eigenvalues = eigvals_banded(
            band, lower=True, select="i", select_range=(place, place), check_finite=False
        )
        return float(eigenvalues[0])

    def best(self) -> Combinations:
        """Return the best combinations of the basis."""
        values, vectors = self.top_eigenpairs()
        last_block = vectors[-self.block :]
        residuals = np.linalg.norm(self.coupling.T @ last_block, axis=0)
        scale = np.sqrt(values * values[0])  # sigma sigma_1
        allowed = np.clip(RESOLVED * values, FLOOR * scale, NEEDED * scale)

        upper = values[: 1 - self.block]
        lower = values[self.block - 1 :]
        tied = upper - lower <= TIE * upper
        excess = (residuals / allowed).max()
        return Combinations(float(excess), vectors.T, bool(tied.any()))

    def top_eigenpairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the `rank` largest eigenvalues, falling, and their vectors, size x rank."""
        from scipy.linalg import eigh  # noqa: PLC0415  # not every command needs it

        size, rank = self.size, self.rank
        options: dict[str, Any] = {"driver": "evd"}
        if rank < size / FEW:
            options = {"subset_by_index": (size - rank, size - 1)}
        values, vectors = eigh(self.lower[:size, :size], check_finite=False, **options)
        falling = slice(None, -rank - 1, -1)
        return values[falling].clip(0), vectors[:, falling]


def capacity_for(size: int, rank: int, block: int) -> int:
    """Return how many vectors a Krylov space may hold, of matrices whose smaller side is `size`."""
    room = min(size - block, 24 * rank + 128)  # with room for a last image
    return room // block * block
