"""Digests of tensors by value, whatever the storage type, the file format and the sharding."""

import hashlib
from collections.abc import Iterator
from functools import cache

import numpy as np

from registry.numerics.arrays import (
    BF16,
    F16,
    F32,
    F64,
    HALF_BITS,
    Values,
    as_array,
    contiguous,
    float32,
    is_foreign,
)

# A tensor is hashed in the first of these types that holds each of its values exactly, so that a
# bfloat16 model that was saved as float32 keeps its digest. float64 holds the values of all types.
CANONICAL = (BF16, F16, F32, F64)
CONVERTED = 1 << 18  # elements that are converted at a time: they stay in a cache
TRIED = 1 << 10  # elements that are looked at first: of other types most tell themselves at once


def tensor_digest(values: Values) -> bytes:
    """Return the SHA-256 of a floating tensor's shape and values, 32 bytes.

    The values are hashed little-endian and row-major.
    """
    array = as_array(values)
    dtype = narrowest_exact_type(array)
    digest = hashlib.sha256()
    digest.update(f"torch.{dtype.name}{array.shape}".encode())  # as torch spells its types
    if dtype == array.dtype and array.flags.c_contiguous:
        digest.update(array.reshape(-1).view(np.uint8).data)
        return digest.digest()
    for chunk in chunks(array):
        converted = contiguous(cast(chunk, dtype))
        digest.update(converted.reshape(-1).view(np.uint8).data)
    return digest.digest()


def cast_digest(values: Values) -> bytes | None:
    """Return the digest of the values rounded to bfloat16, None where they are bfloat16 already.

    Every copy of a model that is cast to bfloat16 has this digest.
    """
    array = as_array(values)
    if holds(array, BF16):
        return None
    digest = hashlib.sha256()
    digest.update(f"torch.{BF16.name}{array.shape}".encode())
    for chunk in chunks(array):
        digest.update(contiguous(cast(chunk, BF16)).reshape(-1).view(np.uint8).data)
    return digest.digest()


class PiecewiseDigests:
    """The digests of a floating tensor that comes a few values at a time, row by row."""

    def __init__(self, dtype: np.dtype, shape: tuple[int, ...]) -> None:
        """Begin before the first value."""
        last = CANONICAL.index(dtype) if dtype in CANONICAL else len(CANONICAL) - 1
        self._exact = dict.fromkeys(CANONICAL[: last + 1], True)
        self._hashes = {}
        for canonical in self._exact:
            title = f"torch.{canonical.name}{shape}"
            self._hashes[canonical] = hashlib.sha256(title.encode())

    def add(self, piece: np.ndarray) -> None:
        """Take the next values, in the tensor's own type."""
        for dtype, digest in self._hashes.items():
            self._exact[dtype] = self._exact[dtype] and holds_or_last(piece, dtype)
            if not self._exact[dtype] and dtype != BF16:  # which the cast is hashed in
                continue
            for chunk in chunks(piece):
                digest.update(contiguous(cast(chunk, dtype)).reshape(-1).view(np.uint8).data)

    def tensor_digest(self) -> bytes:
        """Return what the function of that name returns of all values."""
        exact = [dtype for dtype, is_exact in self._exact.items() if is_exact]
        return self._hashes[exact[0]].digest()

    def cast_digest(self) -> bytes | None:
        """Return what the function of that name returns of all values."""
        return None if self._exact[BF16] else self._hashes[BF16].digest()


def holds_or_last(piece: np.ndarray, dtype: np.dtype) -> bool:
    """Return whether a type holds all values of a piece, as the last of CANONICAL always does."""
    return dtype == CANONICAL[-1] or holds(piece, dtype)


def chunks(array: np.ndarray, first: int = CONVERTED) -> Iterator[np.ndarray]:
    """Yield the values a few at a time, row by row; the first of them are about `first`."""
    if array.flags.c_contiguous:
        rows = array.reshape(-1)
        row_length = 1
    else:
        rows = array
        row_length = max(1, array.size // max(1, len(array)))
    start = 0
    count = first
    while start < len(rows):
        height = max(1, count // row_length)
        yield rows[start : start + height]
        start += height
        count = CONVERTED


def cast(chunk: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return values in another type, rounded to it by way of float32."""
    if dtype == chunk.dtype:
        return chunk
    if chunk.dtype == F16 and dtype == BF16:
        return rounded_halves().take(chunk.view(np.uint16)).view(BF16)
    with np.errstate(over="ignore", invalid="ignore"):  # beyond the narrower type, NaN
        if is_foreign(dtype):
            return float32(chunk).astype(dtype)
        return wide(chunk).astype(dtype)


@cache
def rounded_halves() -> np.ndarray:
    """Return the bfloat16 pattern, uint16, of every pattern of float16: numpy converts slowly."""
    halves = np.arange(1 << F16.itemsize * 8, dtype=np.uint16).view(F16)
    with np.errstate(invalid="ignore"):  # NaN
        return halves.astype(F32).astype(BF16).view(np.uint16)


def wide(chunk: np.ndarray) -> np.ndarray:
    """Return narrow floats as float32, others as they are."""
    return float32(chunk) if is_foreign(chunk.dtype) else chunk


def narrowest_exact_type(array: np.ndarray) -> np.dtype:
    """Return the first canonical type that holds every value exactly."""
    for dtype in CANONICAL[:-1]:
        if holds(array, dtype):
            return dtype
    return CANONICAL[-1]


def holds(array: np.ndarray, dtype: np.dtype) -> bool:
    """Return whether every value survives a round trip through a type."""
    if dtype == array.dtype:
        return True
    return all(holds_chunk(chunk, dtype) for chunk in chunks(array, TRIED))


def holds_chunk(chunk: np.ndarray, dtype: np.dtype) -> bool:
    """Return whether a few values survive a round trip through a type."""
    if chunk.dtype == F32 and dtype == BF16:
        lower = contiguous(chunk).view(np.uint32) << HALF_BITS
        return not lower.any() and not np.isnan(chunk).any()
    original = wide(chunk)
    return np.array_equal(original, cast(cast(original, dtype), original.dtype))
