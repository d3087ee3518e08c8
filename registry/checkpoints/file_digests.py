"""SHA-256 digests of files as they lie on this machine."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass

from registry.checkpoints.blob import LocalBlob
from registry.errors import UnreadableFile

PIECE = 1 << 22  # bytes that are read at a time


@dataclass(frozen=True)
class FileDigest:
    """A file of weights: its path in the folder, its bytes, and its SHA-256, hexadecimal."""

    name: str
    size: int
    sha256: str


def file_digests(blobs: Iterable[LocalBlob]) -> tuple[FileDigest, ...]:
    """Return the digests of files, by name.

    Raises UnreadableFile; ChangedFile for a file that is another than when it was first looked at.
    """
    digests = []
    for blob in blobs:
        size = blob.size
        digests.append(FileDigest(blob.name, size, sha256_of(blob)))
    return tuple(sorted(digests, key=lambda digest: digest.name))


def sha256_of(blob: LocalBlob) -> str:
    """Return the SHA-256 of a file. Raises UnreadableFile, ChangedFile."""
    digest = hashlib.sha256()
    try:
        with blob.open() as file:
            while piece := file.read(PIECE):
                digest.update(piece)
            blob.check(os.fstat(file.fileno()))
    except OSError as exc:
        raise UnreadableFile(path=blob.label, reason=exc.strerror or exc) from exc
    return digest.hexdigest()
