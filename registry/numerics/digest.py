"""Digests of tensors by value: the storage type, the file format and the sharding leave them unchanged."""

import hashlib

import torch

# A tensor is hashed in the first of these that holds each of its values exactly, so that a bf16 model saved as
# fp32 keeps its digest.
CANONICAL = (torch.bfloat16, torch.float16, torch.float32, torch.float64)
BLOCK = 1 << 20  # elements converted at a time


def tensor_digest(tensor: torch.Tensor) -> bytes:
    """SHA-256 of a floating tensor's shape and values, little-endian and row-major (32 bytes)."""
    flat = tensor.reshape(-1)
    if (
        flat.stride(0) != 1
    ):  # torch takes a single number of any stride for contiguous, and then cannot view it as bytes
        flat = flat.clone(memory_format=torch.contiguous_format)
    dtype = next(dtype for dtype in CANONICAL if holds(flat, dtype))
    digest = hashlib.sha256(f"{dtype}{tuple(tensor.shape)}".encode())
    for block in flat.split(BLOCK):
        digest.update(block.to(dtype).contiguous().view(torch.uint8).numpy())
    return digest.digest()


def cast_digest(tensor: torch.Tensor) -> bytes | None:
    """The digest of the values rounded to bf16, which every copy that is cast comes to; None where they are bf16."""
    flat = tensor.reshape(-1)
    return None if holds(flat, torch.bfloat16) else tensor_digest(tensor.to(torch.bfloat16))


def holds(flat: torch.Tensor, dtype: torch.dtype) -> bool:
    """Whether every value survives a round trip through `dtype`; the last of CANONICAL always will do."""
    if dtype in (flat.dtype, CANONICAL[-1]):
        return True
    return all(torch.equal(block, block.to(dtype).to(flat.dtype)) for block in flat.split(BLOCK))
