"""Matrices as they act on a few vectors at a time, in their storage type: no float copy of a whole matrix is made.

On the CPU the products are compiled (kernels.py); on a GPU, and where numba is missing, they are torch's. Shapes: B
matrices of m x n in bfloat16, float16 or float32, and for each of them b vectors, float32, as rows.
"""

import importlib.util
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import Any

import torch

ALIASES = {torch.bfloat16: torch.uint16, torch.float16: torch.int16, torch.float32: torch.float32}  # as kernels read
BLOCK = 1 << 22  # elements of a matrix that torch's products hold as float32 at a time


@cache
def kernels() -> ModuleType | None:
    """The compiled products, None where numba is missing."""
    if importlib.util.find_spec("numba") is None:
        return None
    from registry.numerics import kernels as module  # noqa: PLC0415  # only large matrices need wait for numba

    return module


def compiled(a: torch.Tensor) -> ModuleType | None:
    """The compiled products if they can read these matrices."""
    return kernels() if a.device.type == "cpu" else None


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
        x = x * self.scale
        return added(self.a, x, self.long) if self.wide else dots(self.a, x)

    def adjoint(self, y: torch.Tensor) -> torch.Tensor:
        """B x b x long to B x b x size."""
        y = y * self.scale
        return dots(self.a, y) if self.wide else added(self.a, y, self.size)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """B x b x size to the same; a tall matrix is read once."""
        if self.wide:
            return self.adjoint(self.forward(x))
        z = torch.zeros_like(x)
        add_gram(self.a, x * self.scale, z, self.scale)
        return z


def added(a: torch.Tensor, y: torch.Tensor, cols: int) -> torch.Tensor:
    """Multiply: y A, as a new tensor."""
    z = y.new_zeros(*y.shape[:2], cols)
    add(a, y, z)
    return z
