"""Digests of tensors by value, whatever the storage type, the file format and the sharding."""

import hashlib

import torch

# A tensor is hashed in the first of these types that holds each of its values exactly, so that a
# bfloat16 model that was saved as float32 keeps its digest. float64 holds the values of all types.
CANONICAL = (torch.bfloat16, torch.float16, torch.float32, torch.float64)
CONVERTED = 1 << 20  # elements that are converted at a time


def tensor_digest(tensor: torch.Tensor) -> bytes:
    """Return the SHA-256 of a floating tensor's shape and values, 32 bytes.

    The values are hashed little-endian and row-major.
    """
    flat = flattened(tensor)
    dtype = narrowest_exact_type(flat)
    digest = hashlib.sha256()
    digest.update(f"{dtype}{tuple(tensor.shape)}".encode())
    for chunk in flat.split(CONVERTED):
        values = chunk.to(dtype).contiguous()
        digest.update(values.view(torch.uint8).numpy())
    return digest.digest()


def cast_digest(tensor: torch.Tensor) -> bytes | None:
    """Return the digest of the values rounded to bfloat16, None where they are bfloat16 already.

    Every copy of a model that is cast to bfloat16 has this digest.
    """
    if holds(tensor.reshape(-1), torch.bfloat16):
        return None
    return tensor_digest(tensor.to(torch.bfloat16))


def flattened(tensor: torch.Tensor) -> torch.Tensor:
    """Return the values as one row without gaps in memory."""
    flat = tensor.reshape(-1)
    # torch takes a single number of any stride for contiguous, and then cannot view it as bytes.
    if flat.stride(0) == 1:
        return flat
    return flat.clone(memory_format=torch.contiguous_format)


def narrowest_exact_type(flat: torch.Tensor) -> torch.dtype:
    """Return the first canonical type that holds every value exactly."""
    for dtype in CANONICAL[:-1]:
        if holds(flat, dtype):
            return dtype
    return CANONICAL[-1]


def holds(flat: torch.Tensor, dtype: torch.dtype) -> bool:
    """Return whether every value survives a round trip through a type."""
    if dtype == flat.dtype:
        return True
    for chunk in flat.split(CONVERTED):
        round_trip = chunk.to(dtype).to(flat.dtype)
        if not torch.equal(chunk, round_trip):
            return False
    return True
