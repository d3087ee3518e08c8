"""Matrices as they act on a few vectors at a time, in their storage type: no float copy of a whole matrix is made.

On the CPU the products are compiled (compiled_products.py); on a GPU, and where numba is missing, they are torch's.
Shapes: B matrices of m x n in bfloat16, float16 or float32, and for each of them b vectors, float32, as rows.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from types import ModuleType
from typing import Any

import torch

from registry.numerics.compiled.loading import loaded

ALIASES = {
    torch.bfloat16: torch.uint16,
    torch.float16: torch.int16,
    torch.float32: torch.float32,
}  # as kernels read
LOST = 1e-12  # of a vector's squared length: what is left of it then is mostly rounding
BLOCK = 1 << 22  # elements of a matrix that torch's products hold as float32 at a time


@cache
def kernels(dtype: torch.dtype) -> ModuleType | None:
    """The compiled products for matrices of a type; None where numba is missing or cannot compile them."""
    compiled_products = loaded("products")  # only large matrices need wait for numba
    if compiled_products is None:
        return None
    one = array(torch.ones(1, 1, dtype=dtype))
    vectors = array(torch.ones(4, 1))
    with suppress(compiled_products.NumbaError, OSError):
        for product in (compiled_products.dots, compiled_products.add):
            product(one, vectors, vectors.copy())
        compiled_products.add_gram(one, vectors, vectors.copy(), 1.0)
        return compiled_products
    return None


def compiled(a: torch.Tensor) -> ModuleType | None:
    """The compiled products if they can read these matrices."""
    return kernels(a.dtype) if a.device.type == "cpu" else None


def array(a: torch.Tensor) -> Any:
    """A tensor as the kernels read it: numpy has no bfloat16."""
    return a.view(ALIASES[a.dtype]).numpy()


def dots(a: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Multiply: x A^T, B x b x n to B x b x m."""
    if not (fast := compiled(a)):
        return torch.cat([torch.bmm(x, block.float().mT) for block in blocks(a)], 2)
    y = x.new_empty(*x.shape[:2], a.shape[1])
    for own, inputs, outputs in zip(array(a), x.numpy(), y.numpy(), strict=True):
        fast.dots(own, inputs, outputs)
    return y


def add(a: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> None:
    """Add y A to z: y is B x b x m, z is B x b x n."""
    if not (fast := compiled(a)):
        for block, part in zip(blocks(a), y.split(height(a), 2), strict=True):
            z.baddbmm_(part, block.float())
        return
    for own, inputs, outputs in zip(array(a), y.numpy(), z.numpy(), strict=True):
        fast.add(own, inputs, outputs)


def add_gram(a: torch.Tensor, x: torch.Tensor, z: torch.Tensor, scale: float) -> None:
    """Add scale * x A^T A to z: x and z are B x b x n."""
    if not (fast := compiled(a)):
        for block in blocks(a):
            rows = block.float()
            z.baddbmm_(torch.bmm(x, rows.mT).mul_(scale), rows)
        return
    for own, inputs, outputs in zip(array(a), x.numpy(), z.numpy(), strict=True):
        fast.add_gram(own, inputs, outputs, scale)


def orthogonalise(
    basis: torch.Tensor, w: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Make rows orthonormal to a basis and to each other, in place: Gram-Schmidt by blocks, twice.

    basis: B x k x n, w: B x b x n. Returns inside, B x b x k, and outside, B x b x b in float64, so that the rows were
    inside basis + outside rows; and lost, B x b: of which rows rounding has left nothing. They are zero then.
    """
    inside = basis.new_empty(*w.shape[:2], basis.shape[1])
    outside = torch.empty(*w.shape[:2], w.shape[1], dtype=torch.float64, device=w.device)
    lost = torch.empty(w.shape[:2], dtype=torch.bool, device=w.device)
    if fast := compiled(basis):
        for arrays in zip(
            *(each.numpy() for each in (basis, w, inside, outside, lost)), strict=True
        ):
            fast.orthogonalise(*arrays, LOST)
        return inside, outside, lost
    least = LOST * w.square().sum(2).amax(1, keepdim=True)
    inside.copy_(project(basis, w))
    lower = orthonormalise(w)
    lost.copy_(lower.diagonal(dim1=1, dim2=2).square() <= least)
    w[lost] = 0
    lower.mT[lost] = 0
    inside += lower.float() @ project(basis, w)
    outside.copy_(lower @ orthonormalise(w))
    return inside, outside, lost


def project(basis: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Take the basis' part out of w; returns it, B x b x k."""
    part = dots(basis, w)
    add(basis, -part, w)
    return part


def orthonormalise(w: torch.Tensor) -> torch.Tensor:
    """Make rows orthonormal, in place, by Cholesky in float64; rows of zeros stay. Returns lower: w was lower w'."""
    exact = w.double()
    square = exact @ exact.mT
    square.diagonal(dim1=1, dim2=2).mul_(1 + LOST / 16).add_(1e-300)  # keeps it positive definite
    lower: torch.Tensor = torch.linalg.cholesky_ex(square)[0]
    w.copy_(torch.linalg.inv_ex(lower)[0] @ exact)
    return lower


def height(a: torch.Tensor) -> int:
    """Rows of a block."""
    return max(1, BLOCK // max(1, a.shape[2]))


def blocks(a: torch.Tensor) -> Sequence[torch.Tensor]:
    """The matrices, a few rows at a time."""
    parts: Sequence[torch.Tensor] = a.split(height(a), 1)
    return parts


class Gram:
    """What a matrix does from its smaller side: x to x G, G = A^T A of size n <= m, or A A^T where m < n.

    a: B x m x n. scale: a power of two that A is multiplied by, so that squares stay inside float32's range.
    """

    def __init__(self, a: torch.Tensor, scale: float = 1.0) -> None:
        self.a = a
        self.scale = scale
        self.wide = a.shape[1] < a.shape[2]
        self.size, self.long = sorted(a.shape[1:])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """B x b x size to B x b x long."""
        x = self.scaled(x)
        return added(self.a, x, self.long) if self.wide else dots(self.a, x)

    def adjoint(self, y: torch.Tensor) -> torch.Tensor:
        """B x b x long to B x b x size."""
        y = self.scaled(y)
        return dots(self.a, y) if self.wide else added(self.a, y, self.size)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """B x b x size to the same; a tall matrix is read once."""
        if self.wide:
            return self.adjoint(self.forward(x))
        z = torch.zeros_like(x)
        add_gram(self.a, self.scaled(x), z, self.scale)
        return z

    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        """Vectors times the scale."""
        return x if self.scale == 1 else x * self.scale


def added(a: torch.Tensor, y: torch.Tensor, cols: int) -> torch.Tensor:
    """Multiply: y A, as a new tensor."""
    z = y.new_zeros(*y.shape[:2], cols)
    add(a, y, z)
    return z
