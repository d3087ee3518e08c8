"""Block Lanczos on a GPU, for many matrices of one shape at once; as registry.numerics.lanczos.

Nothing here asks where tensors lie. The projections are searched on the CPU.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch

from registry.numerics.device_products import Gram, orthogonalise
from registry.numerics.lanczos import ROUNDING, Ritz, root_error
from registry.numerics.pace import Pace
from registry.numerics.projection import Combinations, Projection, capacity_for

S = TypeVar("S")
T = TypeVar("T")


def lanczos(gram: Gram, rank: int, block: int) -> Ritz:
    """Return the `rank` largest singular values, B x rank; rank and block are multiples of 4."""
    space = Space(gram, rank, block)
    while True:
        space.grow()
        if not space.due and not space.full:
            continue
        best = for_each(Projection.best, space.projections)
        excess = max(one.excess for one in best)
        if space.full or excess <= 1:
            sure = np.array([not one.tied and excess <= 1 for one in best])
            return certify(gram, space.combined(best), sure)


class Space:
    """A Krylov space of G for each matrix, from a random block that is the same for all.

    Attributes:
        basis: B x capacity x n.
        next: The block that comes next, B x b x n.
    """

    def __init__(self, gram: Gram, rank: int, block: int) -> None:
        self.gram = gram
        self.block = block
        self.size = 0
        batch = gram.a.shape[0]
        capacity = capacity_for(gram.size, rank, block)
        self.basis = torch.empty(batch, capacity, gram.size, device=gram.a.device)
        self.projections = [Projection(rank, block, capacity) for _ in range(batch)]
        self.pace = Pace(5 * rank // 2)
        self.random = torch.Generator().manual_seed(gram.size)
        self.next = self.noise(block).repeat(batch, 1, 1)
        orthogonalise(self.basis[:, :0], self.next)

    @property
    def full(self) -> bool:
        """Whether no further block fits."""
        return self.size + self.block > self.basis.shape[1]

    @property
    def due(self) -> bool:
        """Whether the smallest values that are wanted seem to have settled."""
        if self.size < self.pace.due:
            return False
        smallest = for_each(Projection.smallest, self.projections)
        return self.pace.settled(self.size, np.array(smallest))

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
        parts = zip(self.projections, inside.cpu().numpy(), outside.cpu().numpy(), strict=True)
        for projection, inner, outer in parts:
            projection.extend(inner, outer)

    def combined(self, best: Sequence[Combinations]) -> torch.Tensor:
        """Return combinations of the basis, B x rank x n."""
        combinations = np.stack([one.vectors for one in best])
        basis = self.basis[:, : self.size]
        return torch.from_numpy(combinations).to(self.basis) @ basis


def for_each(function: Callable[[S], T], projections: Sequence[S]) -> list[T]:
    """Call a function for every matrix, side by side where there are several.

    LAPACK lets go of the interpreter, so that threads help.
    """
    if len(projections) == 1:
        return [function(projections[0])]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(function, projections))


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
    residuals = differences.norm(dim=2).cpu().numpy()
    values = squares.sqrt().numpy()
    bounds = root_error(values, residuals) + ROUNDING * values[:, :1]
    return Ritz(values, bounds, sure)
