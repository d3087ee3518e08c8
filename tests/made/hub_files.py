"""How a hub calls and lists the files of a model."""

import hashlib
from functools import lru_cache

# What the hub keeps in its file store, behind a redirect to another host; the rest is in git.
STORED = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".png")


@lru_cache
def etag(name: str, content: bytes) -> str:
    """What the hub calls a content by: the SHA-256 in the store, the blob's id in git."""
    return hashlib.sha256(content).hexdigest() if name.endswith(STORED) else blob_id(content)


def blob_id(content: bytes) -> str:
    """What git calls a content by."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def describe(name: str, content: bytes) -> dict[str, object]:
    """A file as the tree lists it."""
    file: dict[str, object] = {
        "type": "file",
        "path": name,
        "oid": blob_id(content),
        "size": len(content),
    }
    if name.endswith(STORED):
        file["lfs"] = {"oid": etag(name, content), "size": len(content), "pointerSize": 134}
    return file
