"""The types that a tensor's elements may have, named without torch.

torch takes over a second to import. Where a tensor lies, and of what type and shape it is, can be
found out without it; whatever reads one imports it then.
"""

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from registry.checkpoints.pages import POOL
from registry.numerics.arrays import as_tensor, dtype_named, torch_library

if TYPE_CHECKING:
    from torch import Tensor
    from torch import dtype as TorchDType  # noqa: N812  # a class, whatever torch calls it

OWN_PAGES = 1 << 20  # bytes from which a tensor gets them


@dataclass(frozen=True)
class DType:
    """A type of elements.

    Attributes:
        name: As torch spells it.
        itemsize: Bytes of one element.
    """

    name: str
    itemsize: int

    @property
    def torch(self) -> "TorchDType":
        """Torch's own type of that name."""
        return getattr(torch_library(), self.name)  # type: ignore[no-any-return]

    @property
    def numpy(self) -> np.dtype:
        """Numpy's type of that name, or that of ml_dtypes; bytes for pairs of numbers."""
        return np.dtype(np.uint8) if self == F4_PAIRS else dtype_named(self.name)

    def blank(self, *shape: int) -> np.ndarray:
        """Return an array whose elements are not set.

        Where it is large it lies in pages of its own: an allocator keeps what it was given for
        every thread.

        Raises:
            MemoryError: Where the memory does not suffice.
            ValueError: Where numpy finds that it does not suffice.
        """
        size = math.prod(shape) * self.itemsize
        if not OWN_PAGES <= size <= sys.maxsize:
            return np.empty(shape, self.numpy)
        return np.frombuffer(POOL.lend(size), self.numpy).reshape(shape)

    def empty(self, *shape: int) -> "Tensor":
        """Return a tensor whose elements are not set, where `blank` would put it.

        Raises:
            MemoryError: Where the memory does not suffice.
            ValueError: Where numpy finds that it does not suffice.
        """
        return as_tensor(self.blank(*shape))


def of(dtype: "TorchDType") -> DType:
    """Return the type of a torch type, which may be one that no format but the pickle can hold."""
    name = str(dtype).removeprefix("torch.")
    return DType(name, dtype.itemsize)


F64 = DType("float64", 8)
F32 = DType("float32", 4)
F16 = DType("float16", 2)
BF16 = DType("bfloat16", 2)
F8_E4M3 = DType("float8_e4m3fn", 1)
F8_E5M2 = DType("float8_e5m2", 1)
F8_E4M3FNUZ = DType("float8_e4m3fnuz", 1)
F8_E5M2FNUZ = DType("float8_e5m2fnuz", 1)
F8_E8M0 = DType("float8_e8m0fnu", 1)
I64 = DType("int64", 8)
I32 = DType("int32", 4)
I16 = DType("int16", 2)
I8 = DType("int8", 1)
U64 = DType("uint64", 8)
U32 = DType("uint32", 4)
U16 = DType("uint16", 2)
U8 = DType("uint8", 1)
BOOL = DType("bool", 1)
C64 = DType("complex64", 8)
# Two numbers a byte, the first in the low half; read as bytes, half as many along the last axis.
F4_PAIRS = DType("float4_e2m1fn_x2", 1)

# What weights are computed in; the 8-bit floats mean nothing without scales.
FLOATING = (F64, F32, F16, BF16)


def computable(dtype: DType) -> DType:
    """Return a type that can be computed in: itself, or float32 for 8-bit floats and integers."""
    return dtype if dtype in FLOATING else F32
