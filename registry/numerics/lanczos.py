"""Block Lanczos with full re-orthogonalisation: the largest singular values of matrices of one shape.

The Krylov space of G = A^T A is spanned in float32 and searched in float64. Its best vectors are then put through A
itself, which does not square the condition as G does, and the residuals are computed from A too: those of the
recurrence would not show what rounding did.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import eigh

from registry.numerics.products import Gram, add, dots

RESOLVED = 1e-4  # residual of an eigenvalue of G, relative to it, at which it is told from its neighbours
NEEDED, FLOOR = 1e-5, 2e-6  # but relative to sigma sigma_1 no more than is asked for, no less than float32 reaches
TIE = 5e-4  # eigenvalues of G this close, relatively, may stand for more than a block can find
ROUNDING = 2.0**-22  # relative to sigma_1: of sums in float32
LOST = 1e-12  # of a vector's squared length: what is left of it then is mostly rounding


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
    due = 3 * rank
    while True:
        space.grow()
        if space.size < due and not space.full:
            continue
        excess, combinations, tied = space.search()
        if space.full or excess <= 1:
            return certify(gram, space.vectors(combinations), ~tied & (excess <= 1))
        due = space.size + space.forecast(excess)


class Space:
    """A Krylov space of G, from a random block that is the same for all matrices of a size.

    A block of b random vectors finds up to b copies of a repeated value. basis: B x size x n. projected: G in the
    basis, its lower triangle. coupling: how G times the last block continues in the next, B x b x b.
    """

    def __init__(self, gram: Gram, rank: int, block: int) -> None:
        self.gram, self.rank, self.block = gram, rank, block
        batch = gram.a.shape[0]
        most = min(gram.size - block, 24 * rank + 128) // block * block  # leaves room for a last image
        self.random = torch.Generator().manual_seed(gram.size)
        self.basis = torch.empty(batch, most, gram.size, device=gram.a.device)
        self.projected = np.zeros((batch, most, most))
        self.coupling = np.zeros((batch, block, block))
        self.size = 0
        self.looks: list[tuple[int, float]] = []
        start = self.noise(block).expand(batch, -1, -1)
        self.next = orthonormal(start, start)[0]

    @property
    def full(self) -> bool:
        """Whether no further block fits."""
        return self.size + self.block > self.basis.shape[1]

    def noise(self, count: int) -> torch.Tensor:
        """Random vectors."""
        return torch.randn(count, self.gram.size, generator=self.random).to(self.gram.a.device)

    def grow(self) -> None:
        """Take the next block in, and G times it as the one after."""
        start, self.size = self.size, self.size + self.block
        self.basis[:, start : self.size] = self.next
        image = self.gram(self.next)
        w = image.clone()
        inside = self.project(w)
        w, outside, lost = orthonormal(w, image)
        if lost.any():  # so much of the image lies inside the space
            w[lost] = self.noise(int(lost.sum()))
            outside.mT[lost] = 0
            self.project(w)
            w = orthonormal(w, w)[0]
        inside += outside.float() @ self.project(w)  # twice is enough
        self.next, turned, _ = orthonormal(w, w)
        outside @= turned
        self.projected[:, start : self.size, : self.size] = inside.cpu()
        self.coupling = outside.cpu().numpy()

    def project(self, w: torch.Tensor) -> torch.Tensor:
        """Take the basis' part out of w; returns it, B x b x size."""
        basis = self.basis[:, : self.size]
        inside = dots(basis, w)
        add(basis, -inside, w)
        return inside

    def search(self) -> tuple[float, np.ndarray, np.ndarray]:
        """The best combinations of the basis.

        Returns the largest residual over what is allowed, B x rank x size, and which matrices' values may tie.
        """
        found = [self.ritz(*pair) for pair in zip(self.projected, self.coupling, strict=True)]
        excess, combinations, tied = zip(*found, strict=True)
        return max(excess), np.stack(combinations), np.array(tied)

    def ritz(self, projected: np.ndarray, coupling: np.ndarray) -> tuple[float, np.ndarray, bool]:
        """The same of one matrix."""
        size, few = self.size, self.rank < self.size / 4  # then it is faster not to compute all
        chosen = (size - self.rank, size - 1) if few else None
        values, vectors = eigh(projected[:size, :size], subset_by_index=chosen, check_finite=False)
        values, vectors = values[: -self.rank - 1 : -1].clip(0), vectors[:, : -self.rank - 1 : -1]
        residuals = np.linalg.norm(coupling.T @ vectors[-self.block :], axis=0)
        scale = np.sqrt(values * values[0])  # sigma sigma_1
        allowed = np.clip(RESOLVED * values, FLOOR * scale, NEEDED * scale)
        tied = values[: 1 - self.block] - values[self.block - 1 :] <= TIE * values[: 1 - self.block]
        return float((residuals / allowed).max()), vectors.T, bool(tied.any())

    def forecast(self, excess: float) -> int:
        """How many vectors more it may take, given how the residuals have fallen since the last look."""
        self.looks.append((self.size, excess))
        (before, larger), (now, smaller) = (self.looks * 2)[-2:] if len(self.looks) == 1 else self.looks[-2:]
        rate = np.log(larger / smaller) / max(1, now - before)  # rises towards the end
        needed = 0.55 * np.log(smaller) / rate if rate > 0 else np.inf
        return int(np.clip(needed, self.block, self.size // 3)) if len(self.looks) > 1 else 4 * self.block

    def vectors(self, combinations: np.ndarray) -> torch.Tensor:
        """Combinations of the basis, B x rank x n."""
        return torch.from_numpy(combinations).to(self.basis) @ self.basis[:, : self.size]


def orthonormal(w: torch.Tensor, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Orthonormal rows q and lower triangular l with w = l q, B x b x n and B x b x b, by Cholesky in float64.

    q is as orthonormal as float32 and w's condition allow. lost: B x b, of which rows rounding has left nothing that
    the rows before do not have; it is as large as the `image` that w was projected from.
    """
    exact = w.double()
    square = exact @ exact.mT
    square.diagonal(dim1=1, dim2=2).mul_(1 + LOST / 16).add_(1e-300)  # keeps it positive definite
    lower = torch.linalg.cholesky_ex(square)[0]
    q = torch.linalg.inv_ex(lower)[0] @ exact
    least = LOST * image.square().sum(2).amax(1, keepdim=True)
    return q.float(), lower, lower.diagonal(dim1=1, dim2=2).square() <= least


def certify(gram: Gram, x: torch.Tensor, sure: np.ndarray) -> Ritz:
    """Singular values of A on the span of orthonormal x, B x rank x n, and what the residuals say of them."""
    y = gram.forward(x)
    exact = y.double()
    squares, turn = torch.linalg.eigh((exact @ exact.mT).cpu())
    squares, turn = squares.flip(1).clamp(min=0.0), turn.flip(2).mT.to(x)
    x, y = turn @ x, turn @ y
    residuals = (gram.adjoint(y).double() - squares.to(x.device)[..., None] * x).norm(dim=2).cpu()
    values = squares.sqrt()
    return Ritz(values.numpy(), (root_error(values, residuals) + ROUNDING * values[:, :1]).numpy(), sure)


def root_error(values: torch.Tensor, residuals: torch.Tensor) -> torch.Tensor:
    """How far values are from the roots of numbers that their squares are at most `residuals` away from.

    From |s^2 - t^2| <= d follows |s - t| <= sqrt(d), and with t >= s - d / s also |s - t| <= d / (2 s - d / s).
    """
    near = residuals / (2 * values - residuals / values)
    return torch.where(residuals < values.square(), near, residuals.sqrt())
