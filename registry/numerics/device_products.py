"""Matrices on a GPU as they act on a few vectors at a time, in their storage type.

No float copy of a whole matrix is made. Shapes: B matrices of m x n, and for each of them b
vectors, float32, as rows. Nothing here asks where tensors lie. registry.numerics.products does the
same with one matrix in the host's memory.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from registry.numerics.products import LEAST_RIDGE, LOST, RIDGE

FLOAT32_ELEMENTS = 1 << 22  # of a matrix, held as float32 at a time


class Orthogonalised(NamedTuple):
    """What b rows were, in terms of a basis of k rows and of the rows that they became.

    Attributes:
        inside: B x b x k, float32.
        outside: B x b x b, float64, so that the rows were inside basis + outside rows.
        lost: B x b, of which rows rounding has left nothing.
    """

    inside: torch.Tensor
    outside: torch.Tensor
    lost: torch.Tensor


def dots(a: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Return x A^T, B x b x m, for x: B x b x n."""
    products = [torch.bmm(x, block.float().mT) for block in blocks(a)]
    return torch.cat(products, 2)


def add(a: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> None:
    """Add y A to z, in place: y is B x b x m, z is B x b x n."""
    for block, part in zip(blocks(a), y.split(block_rows(a), 2), strict=True):
        z.baddbmm_(part, block.float())


def add_gram(a: torch.Tensor, x: torch.Tensor, z: torch.Tensor, scale: float) -> None:
    """Add scale * x A^T A to z, in place: x and z are B x b x n."""
    for block in blocks(a):
        rows = block.float()
        y = torch.bmm(x, rows.mT).mul_(scale)
        z.baddbmm_(y, rows)


def orthogonalise(basis: torch.Tensor, w: torch.Tensor) -> Orthogonalised:
    """Make rows orthonormal to a basis and to each other, in place: Gram-Schmidt by blocks, twice.

    Args:
        basis: B x k x n.
        w: B x b x n.

    Rows of which rounding leaves nothing become zero.
    """
    longest = w.square().sum(2).amax(1, keepdim=True)
    inside = project(basis, w)
    lower = orthonormalise(w)
    lost = lower.diagonal(dim1=1, dim2=2).square() <= LOST * longest
    w[lost] = 0
    lower.mT[lost] = 0

    inside += lower.float() @ project(basis, w)
    outside = lower @ orthonormalise(w)
    return Orthogonalised(inside, outside, lost)


def project(basis: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Take the basis' part out of w, in place, and return it: B x b x k."""
    part = dots(basis, w)
    add(basis, -part, w)
    return part


def orthonormalise(w: torch.Tensor) -> torch.Tensor:
    """Make rows orthonormal, in place, by Cholesky in float64; rows of zeros stay.

    Returns lower, B x b x b: w was lower w'.
    """
    exact = w.double()
    square = exact @ exact.mT
    square.diagonal(dim1=1, dim2=2).mul_(1 + RIDGE).add_(LEAST_RIDGE)
    lower: torch.Tensor = torch.linalg.cholesky_ex(square)[0]
    inverse = torch.linalg.inv_ex(lower)[0]
    w.copy_(inverse @ exact)
    return lower


def block_rows(a: torch.Tensor) -> int:
    """Return how many rows of a matrix are taken at a time."""
    return max(1, FLOAT32_ELEMENTS // max(1, a.shape[2]))


def blocks(a: torch.Tensor) -> Sequence[torch.Tensor]:
    """Return the matrices, a few rows at a time."""
    parts: Sequence[torch.Tensor] = a.split(block_rows(a), 1)
    return parts


class Gram:
    """What a matrix does from its smaller side: x to x G, G = A^T A (or A A^T where m < n).

    a: B x m x n. scale: a power of two that A is multiplied by, so that squares stay inside
    float32's range. size: of the smaller side, long: of the larger.
    """

    def __init__(self, a: torch.Tensor, scale: float = 1.0) -> None:
        self.a = a
        self.scale = scale
        self.wide = a.shape[1] < a.shape[2]
        self.size, self.long = sorted(a.shape[1:])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the images of x, B x b x size, under A: B x b x long."""
        scaled = self.scaled(x)
        if self.wide:
            return combined(self.a, scaled, self.long)
        return dots(self.a, scaled)

    def adjoint(self, y: torch.Tensor) -> torch.Tensor:
        """Return the images of y, B x b x long, under A^T: B x b x size."""
        scaled = self.scaled(y)
        if self.wide:
            return dots(self.a, scaled)
        return combined(self.a, scaled, self.size)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return x G, B x b x size; a tall matrix is read once."""
        if self.wide:
            return self.adjoint(self.forward(x))
        z = torch.zeros_like(x)
        add_gram(self.a, self.scaled(x), z, self.scale)
        return z

    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        """Return vectors times the scale."""
        return x if self.scale == 1 else x * self.scale


def combined(a: torch.Tensor, y: torch.Tensor, columns: int) -> torch.Tensor:
    """Return y A, B x b x columns: combinations of the rows of A."""
    z = y.new_zeros(*y.shape[:2], columns)
    add(a, y, z)
    return z
