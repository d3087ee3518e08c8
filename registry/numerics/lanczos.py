"""Block Lanczos with full re-orthogonalisation: the largest singular values of matrices of one shape.

The Krylov space of G = A^T A is spanned in float32 and searched in float64. Its best vectors are then put through A
itself, which does not square the condition as G does, and the residuals are computed from A too: those of the
recurrence would not show what rounding did.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from scipy.linalg import eigh, eigvals_banded

from registry.numerics.products import Gram, orthogonalise

RESOLVED = (
    1e-4  # residual of an eigenvalue of G, relative to it, at which it is told from its neighbours
)
NEEDED, FLOOR = (
    1e-5,
    2e-6,
)  # but relative to sigma sigma_1 no more than is asked for, no less than float32 reaches
TIE = 5e-4  # eigenvalues of G this close, relatively, may stand for more than a block can find
ROUNDING = 2.0**-22  # relative to sigma_1: of sums in float32
SETTLED = 1e-7  # change of an eigenvalue of G with every vector, relative, below which its residual will be small
MOST = 48  # vectors between two looks, once it is known how fast values settle
T = TypeVar("T")


@dataclass(frozen=True)
class Ritz:
    """Approximate singular values of B matrices, B x rank, falling.

    bounds: of their errors, absolute, provided that none was missed. sure: per matrix, whether none can have been.
    """

    values: np.ndarray
    bounds: np.ndarray
    sure: np.ndarray


def lanczos(gram: Gram, rank: int, block: int) -> Ritz:
    """The `rank` largest singular values; rank and block are multiples of 4."""
    space = Space(gram, rank, block)
    while True:
        space.grow()
        if not space.due and not space.full:
            continue
        excess, combinations, tied = space.search()
        if space.full or excess <= 1:
            return certify(gram, space.vectors(combinations), ~tied & (excess <= 1))


class Space:
    """A Krylov space of G, from a random block that is the same for all matrices of a size.

    A block of b random vectors finds up to b copies of a repeated value. basis: B x size x n. projected: G in the
    basis, its lower triangle. coupling: how G times the last block continues in the next, B x b x b.
    """

    def __init__(self, gram: Gram, rank: int, block: int) -> None:
        self.gram, self.rank, self.block = gram, rank, block
        batch = gram.a.shape[0]
        most = (
            min(gram.size - block, 24 * rank + 128) // block * block
        )  # leaves room for a last image
        self.random = torch.Generator().manual_seed(gram.size)
        self.basis = torch.empty(batch, most, gram.size, device=gram.a.device)
        self.projected = np.zeros((batch, most, most))
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
        return self.pace.settled(self.size, np.array(each(self.smallest, self.projected)))

    def smallest(self, projected: np.ndarray) -> float:
        """The rank-th eigenvalue of one matrix; what lies outside the band is rounding."""
        size = self.size
        band = np.zeros((self.block + 1, size))
        for i, row in enumerate(band):
            row[: size - i] = projected[:size, :size].diagonal(-i)
        place = size - self.rank
        return float(eigvals_banded(band, lower=True, select="i", select_range=(place, place))[0])

    def noise(self, count: int) -> torch.Tensor:
        """Random vectors."""
        return torch.randn(count, self.gram.size, generator=self.random).to(self.gram.a.device)

    def grow(self) -> None:
        """Take the next block in, and G times it as the one after."""
        start, self.size = self.size, self.size + self.block
        self.basis[:, start : self.size] = self.next
        basis, w = self.basis[:, : self.size], self.gram(self.next)
        inside, outside, lost = orthogonalise(basis, w)
        if lost.any():  # so much of G times the block lies inside the space
            w[lost] = self.noise(int(lost.sum()))
            orthogonalise(basis, w)
        self.next = w
        self.projected[:, start : self.size, : self.size] = inside.cpu()
        self.coupling = outside.cpu().numpy()

    def search(self) -> tuple[float, np.ndarray, np.ndarray]:
        """The best combinations of the basis.

        Returns the largest residual over what is allowed, B x rank x size, and which matrices' values may tie.
        """
        excess, combinations, tied = zip(
            *each(self.ritz, self.projected, self.coupling), strict=True
        )
        return max(excess), np.stack(combinations), np.array(tied)

    def ritz(self, projected: np.ndarray, coupling: np.ndarray) -> tuple[float, np.ndarray, bool]:
        """The same of one matrix."""
        size = self.size
        few = self.rank < size / 8  # then it is faster not to compute all
        way = {"subset_by_index": (size - self.rank, size - 1)} if few else {"driver": "evd"}
        values, vectors = eigh(projected[:size, :size], **way)
        values, vectors = values[: -self.rank - 1 : -1].clip(0), vectors[:, : -self.rank - 1 : -1]
        residuals = np.linalg.norm(coupling.T @ vectors[-self.block :], axis=0)
        scale = np.sqrt(values * values[0])  # sigma sigma_1
        allowed = np.clip(RESOLVED * values, FLOOR * scale, NEEDED * scale)
        tied = values[: 1 - self.block] - values[self.block - 1 :] <= TIE * values[: 1 - self.block]
        return float((residuals / allowed).max()), vectors.T, bool(tied.any())

    def vectors(self, combinations: np.ndarray) -> torch.Tensor:
        """Combinations of the basis, B x rank x n."""
        return torch.from_numpy(combinations).to(self.basis) @ self.basis[:, : self.size]


def each(function: Callable[..., T], *of_matrices: np.ndarray) -> list[T]:
    """Call a function for every matrix, side by side where there are several: LAPACK lets go of the interpreter."""
    if len(of_matrices[0]) == 1:
        return [function(*(own[0] for own in of_matrices))]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(function, *of_matrices))


class Pace:
    """When to look whether a Krylov space has become large enough: values settle slowly at first, then ever faster."""

    def __init__(self, due: int) -> None:
        self.due = due
        self.seen: list[tuple[int, np.ndarray]] = []
        self.changes: list[tuple[int, float]] = []

    def settled(self, size: int, values: np.ndarray) -> bool:
        """Whether the values of a space of this size differ little from those before; sets when to look again."""
        self.seen.append((size, values))
        wait = min(size // 5, 2 * MOST)
        if len(self.seen) > 1:
            before, previous = self.seen[-2]
            change = float(((values - previous) / np.maximum(np.abs(values), 1e-300)).max()) / (
                size - before
            )
            self.changes.append((size, max(change, 1e-300) / SETTLED))
            if change <= SETTLED:
                self.due = size + size // 12
                return True
        if len(self.changes) > 1:
            (before, larger), (now, smaller) = self.changes[-2:]
            rate = np.log(larger / smaller) / (now - before)
            if rate > 0:
                wait = min(0.6 * np.log(smaller) / rate, size // 8, MOST)
        self.due = size + int(max(wait, 1))
        return False


def certify(gram: Gram, x: torch.Tensor, sure: np.ndarray) -> Ritz:
    """Singular values of A on the span of orthonormal x, B x rank x n, and what the residuals say of them."""
    y = gram.forward(x)
    exact = y.double()
    squares, turn = torch.linalg.eigh((exact @ exact.mT).cpu())
    squares, turn = squares.flip(1).clamp(min=0.0), turn.flip(2).mT.to(x)
    x, y = turn @ x, turn @ y
    residuals = (gram.adjoint(y).double() - squares.to(x.device)[..., None] * x).norm(dim=2).cpu()
    values = squares.sqrt()
    return Ritz(
        values.numpy(), (root_error(values, residuals) + ROUNDING * values[:, :1]).numpy(), sure
    )


def root_error(values: torch.Tensor, residuals: torch.Tensor) -> torch.Tensor:
    """How far values are from the roots of numbers that their squares are at most `residuals` away from.

    From |s^2 - t^2| <= d follows |s - t| <= sqrt(d), and with t >= s - d / s also |s - t| <= d / (2 s - d / s).
    """
    near = residuals / (2 * values - residuals / values)
    return torch.where(residuals < values.square(), near, residuals.sqrt())
