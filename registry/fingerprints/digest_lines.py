"""The lines that a content digest is made of; needs no torch."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from registry.fingerprints.record import Fingerprint, Matrix

PLACED = 3  # from this version on, tensors outside the projections count with their layer


@dataclass(frozen=True)
class HashedPlace:
    """A projection's matrix, of which the digests alone are known, in the fields of a Matrix."""

    layer: int
    projection: str
    expert: int | None
    digest: str
    cast_digest: str | None


Placed = Matrix | HashedPlace


def earlier_digest(fingerprint: Fingerprint) -> str:
    """Return the digest that the same weights have in fingerprints of versions 1 and 2.

    There no tensor outside the projections has a place, and single numbers do not count. Matrices
    of zeros, which version 1 refused, are left out.
    """
    if fingerprint.adapter:
        return fingerprint.digest
    lines = {placed_digest(matrix) for matrix in fingerprint.matrices}
    lines |= {f"other {tensor.digest}" for tensor in fingerprint.tensors if tensor.shape}
    return digest_of_lines(lines)


def implied_digest(fingerprint: Fingerprint) -> str | None:
    """Return the digest that follows from those of a model's matrices and other tensors.

    None where the record lacks some of these: an adapter's, one from before other tensors were
    recorded, and one with matrices of zeros, of which the names alone are kept; and for an older
    version, whose digest is made otherwise.
    """
    if fingerprint.adapter or fingerprint.zero or not fingerprint.tensors:
        return None
    if fingerprint.version < PLACED:
        return None
    lines = {placed_digest(matrix) for matrix in fingerprint.matrices}
    placed = []
    for tensor in fingerprint.tensors:
        if tensor.layer is None:
            lines.add(f"other {tensor.digest}")
        else:
            placed.append(f"{tensor.layer} other {tensor.digest}")
    return digest_of_lines([*lines, *placed])


def digest_of_lines(lines: Iterable[str]) -> str:
    """Return the SHA-256 of some lines, whatever their order."""
    text = "\n".join(sorted(lines))
    return hashlib.sha256(text.encode()).hexdigest()


def placed_digest(matrix: Placed) -> str:
    """Return a matrix's line in the content digest: layer, projection, expert if any, digest."""
    if matrix.expert is None:
        return f"{matrix.layer} {matrix.projection} {matrix.digest}"
    return f"{matrix.layer} {matrix.projection} {matrix.expert} {matrix.digest}"
