"""Stamps of files and checkpoints: while one stays the same, so does what it stands for."""

import hashlib
import json
from typing import Any

from registry.checkpoints.blob import Blob, Files, LocalBlob
from registry.checkpoints.tensors import Contents, FileStamp


def stamp_of(blob: Blob) -> FileStamp:
    """Return what tells a file from a later one of its name."""
    size = blob.size  # looks at the file, which knows only then when it was written
    written = blob.written if isinstance(blob, LocalBlob) else 0
    return FileStamp(blob.name, size, written)


def digest_of(content: list[Any]) -> str:
    """Return the SHA-256 of what JSON can hold."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def checkpoint_stamp(host: str | None, commit: str | None, contents: Contents, files: Files) -> str:
    """Return a digest of the weights' files and the configs beside them, or of the hub's commit.

    Args:
        host: The hub's; None for this machine's files.
        commit: Of the hub.
        contents: What the weights' files hold.
        files: What stands beside the weights.
    """
    configs = []
    if host is None:
        for name, blob in sorted(files.items()):
            if not name.endswith(".json") or not isinstance(blob, LocalBlob):
                continue
            if blob.path.is_file():
                configs.append(stamp_of(blob))
    return digest_of([host, commit if host else None, contents.files, configs])
