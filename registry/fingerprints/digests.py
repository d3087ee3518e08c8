"""SHA-256 digests of tensors and of whole checkpoints."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import torch

from registry.fingerprints.matrix import Rest
from registry.fingerprints.record import Matrix
from registry.numerics.digest import cast_digest, tensor_digest


def content_digest(matrices: Sequence[Matrix], rest: Sequence[Rest]) -> str:
    """SHA-256 over the digests of every weight: projections by their place, others by value alone, each once.

    The format, the sharding, the names and whether tied weights are stored twice leave it unchanged.
    """
    lines = {f"{m.layer} {m.projection} {m.digest}" for m in matrices if m.expert is None}
    lines |= {
        f"{m.layer} {m.projection} {m.expert} {m.digest}" for m in matrices if m.expert is not None
    }
    lines |= {f"other {each.digest}" for each in rest}
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def digest_of_cast(matrices: Sequence[Matrix], rest: Sequence[Rest]) -> str | None:
    """The content digest of the model in bf16; None where that is what it holds."""
    if not any(m.cast_digest for m in matrices) and not any(each.cast_digest for each in rest):
        return None
    cast = [replace(m, digest=m.cast_digest or m.digest) for m in matrices]
    return content_digest(
        cast, [replace(each, digest=each.cast_digest or each.digest) for each in rest]
    )


def digests(tensor: torch.Tensor) -> tuple[str, str | None]:
    """The digest of a tensor as text, and that of its values in bf16 where that changes them."""
    cast = cast_digest(tensor)
    return tensor_digest(tensor).hex(), cast.hex() if cast else None
