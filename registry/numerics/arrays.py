"""What an array is here: numpy's in the host's memory, a tensor of torch's on a GPU.

Everything in the host's memory is numpy, with the narrow floats of ml_dtypes. A tensor of torch's
there is taken as a view, so that whoever has one need not care. torch itself is imported only by
who asks for tensors: it takes seconds.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias, TypeGuard, TypeVar

import ml_dtypes
import numpy as np

if TYPE_CHECKING:
    import torch

Values: TypeAlias = "np.ndarray | torch.Tensor"
"""Numbers of any type and shape, in the host's memory or on a GPU."""
A = TypeVar("A", np.ndarray, "torch.Tensor")
"""Arrays come out as arrays, tensors as tensors."""

BF16 = np.dtype(ml_dtypes.bfloat16)
F16 = np.dtype(np.float16)
F32 = np.dtype(np.float32)
F64 = np.dtype(np.float64)
HALF_BITS = 16  # of a float32 that bfloat16 leaves out


def dtype_named(name: str) -> np.dtype:
    """Return the type of that name, which is torch's name as well.

    Raises TypeError where numpy has no such type.
    """
    return np.dtype(getattr(ml_dtypes, name, name))


def is_floating(dtype: np.dtype) -> bool:
    """Return whether a type is one of real floats, the narrow ones included."""
    return dtype.kind == "f" or (is_foreign(dtype) and "float" in dtype.name)


def is_foreign(dtype: np.dtype) -> bool:
    """Return whether a type is not numpy's own but one of ml_dtypes, which numpy copies slowly."""
    return hasattr(ml_dtypes, dtype.name)


def is_on_gpu(values: Values) -> "TypeGuard[torch.Tensor]":
    """Return whether values lie on a GPU; all others `as_array` gives without a copy."""
    return not isinstance(values, np.ndarray) and values.device.type != "cpu"


def as_array(values: Values) -> np.ndarray:
    """Return any values as an array: a view of a tensor in the host's memory, a copy of others."""
    if isinstance(values, np.ndarray):
        return values
    import torch  # noqa: PLC0415  # whoever has a tensor has loaded it

    tensor = values.detach().cpu().resolve_conj().resolve_neg()
    name = str(tensor.dtype).removeprefix("torch.")
    if not hasattr(ml_dtypes, name):
        return tensor.numpy()
    words = tensor.view(torch.uint8 if tensor.dtype.itemsize == 1 else torch.int16)
    return words.numpy().view(dtype_named(name))


def as_tensor(values: Values) -> "torch.Tensor":
    """Return any values as a tensor: a view of an array."""
    if not isinstance(values, np.ndarray):
        return values
    torch = torch_library()
    if not is_foreign(values.dtype):
        return torch.from_numpy(values)  # type: ignore[no-any-return]
    words = values.view(np.uint8 if values.dtype.itemsize == 1 else np.int16)
    return torch.from_numpy(words).view(getattr(torch, values.dtype.name))  # type: ignore[no-any-return]


def torch_library() -> ModuleType:
    """Return torch. Where nobody had loaded it, it keeps to the thread that calls it.

    It is loaded for what is read by several threads at a time, whose tensors need no more each.
    """
    is_first = "torch" not in sys.modules
    import torch  # noqa: PLC0415  # only who asks for tensors waits for it

    if is_first:
        torch.set_num_threads(1)
    return torch


def float32(array: np.ndarray) -> np.ndarray:
    """Return floats of any type as float32; those of float32 themselves."""
    with np.errstate(over="ignore", invalid="ignore"):  # float64 beyond float32, NaN
        return array.astype(np.float32, copy=False)


def float64(array: np.ndarray) -> np.ndarray:
    """Return floats of any type as float64, a copy."""
    narrow = array.dtype.itemsize < F32.itemsize
    return (float32(array) if narrow else array).astype(np.float64)


def finite(array: np.ndarray) -> np.ndarray:
    """Return floats of any type as float32, with zeros for NaN and infinities.

    Those of float32 that are all finite are returned themselves.
    """
    values = float32(array)
    if np.isfinite(values).all():
        return values
    return np.where(np.isfinite(values), values, np.float32(0))


def reshaped(values: A, *shape: int) -> A:
    """Return values in another shape, as a view where that can be."""
    if isinstance(values, np.ndarray) and is_foreign(values.dtype):
        words = values.view(f"u{values.dtype.itemsize}")
        return words.reshape(shape).view(values.dtype)
    return values.reshape(shape)


def contiguous(array: np.ndarray) -> np.ndarray:
    """Return the array row by row in memory: itself where it lies so.

    Narrow floats are copied as words: numpy copies types that are not its own one by one.
    """
    if array.flags.c_contiguous:
        return array
    if not is_foreign(array.dtype):
        return np.ascontiguousarray(array)
    words = np.ascontiguousarray(array.view(f"u{array.dtype.itemsize}"))
    return words.view(array.dtype)
