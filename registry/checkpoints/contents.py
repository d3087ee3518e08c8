"""The index over all files of a model, each read by the reader of its format."""

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from registry.checkpoints.blob import Blob, read_bytes
from registry.checkpoints.folder import (
    EXPORT,
    INDEX,
    SUFFIXES,
    Files,
    no_weights,
    only_model,
    siblings,
)
from registry.checkpoints.formats.llama2c import is_llama2c, read_llama2c
from registry.checkpoints.formats.safetensors import read_safetensors
from registry.checkpoints.model_card import read_json
from registry.checkpoints.tensors import Contents, Entry
from registry.errors import (
    BrokenFile,
    BrokenJSON,
    FormatNotRead,
    MissingShard,
    ShardMismatch,
    ShardOutside,
    TensorTwice,
)

# Formats that are known and not read, by the bytes at an offset.
SIGNATURES = {
    (0, b"lmgg"): "GGML, which GGUF replaced in 2023",
    (0, b"fmgg"): "GGML, which GGUF replaced in 2023",
    (0, b"tjgg"): "GGML, which GGUF replaced in 2023",
    (257, b"ustar"): "a tar archive, as torch wrote before 0.1.10",
}
SIGNED = 512  # bytes in which all of them lie
LFS_POINTER = b"version https://git-lfs.github.com/spec"


class Merged(NamedTuple):
    """The contents of several files, and the name of the file that holds each tensor."""

    contents: Contents
    owners: dict[str, str]


def open_folder(files: Files, source: str) -> Contents:
    """Index the model among the files of `source`. Raises CheckpointError."""
    names = only_model(files, source)
    if names[0].endswith(INDEX):
        return open_index(files, files[names[0]])
    check_shards(files, names[0])
    return merge([files[name] for name in names]).contents


def open_file(files: Files, name: str, source: str) -> Contents:
    """Index one file of `source`: an index with its shards, a split GGUF whole.

    Raises CheckpointError.
    """
    if name.endswith(INDEX):
        return open_index(files, files[name])
    if not name.endswith(SUFFIXES):
        raise no_weights([name], source)
    if not name.endswith(".gguf"):
        return merge([files[name]]).contents
    check_shards(files, name)
    return merge([files[sibling] for sibling in siblings(name)]).contents


def check_shards(files: Files, name: str) -> None:
    """Raise MissingShard where `x-00001-of-00003` calls for files that are not there."""
    for sibling in siblings(name):
        if sibling not in files:
            raise MissingShard(path=files[name].label, shard=sibling)


def open_index(files: Files, index: Blob) -> Contents:
    """Index every shard that a `*.index.json` names.

    Each must lie in the folder of the index or below, and hold the tensors that the index places in
    it. Raises BrokenJSON, ShardOutside, MissingShard, ShardMismatch and the errors of the shards.
    """
    shard_of = read_weight_map(index)
    names = {shard: beside(index, shard) for shard in sorted(set(shard_of.values()))}

    for shard, name in names.items():
        path = PurePosixPath(shard.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in shard:
            raise ShardOutside(path=index.label, shard=shard)
        if name not in files or path.suffix not in SUFFIXES:
            raise MissingShard(path=index.label, shard=shard)

    merged = merge([files[name] for name in names.values()])

    for tensor, shard in shard_of.items():
        if merged.owners.get(tensor) != names[shard]:
            raise ShardMismatch(path=index.label, tensor=tensor, shard=shard)
    return merged.contents


def read_weight_map(index: Blob) -> dict[str, str]:
    """Return the name of the shard that holds each tensor. Raises BrokenJSON."""
    weight_map = read_json(index).get("weight_map")
    if isinstance(weight_map, dict) and weight_map:
        shards = weight_map.values()
        if all(isinstance(shard, str) for shard in shards):
            return weight_map
    raise BrokenJSON(path=index.label, reason="it has no weight_map from tensors to files")


def beside(index: Blob, shard: str) -> str:
    """Return the name of a shard that stands beside an index."""
    return (PurePosixPath(index.name).parent / shard).as_posix()


def merge(blobs: list[Blob]) -> Merged:
    """Return the contents of several files as one. Raises TensorTwice and the files' errors."""
    entries: list[Entry] = []
    config: dict[str, Any] = {}
    owners: dict[str, str] = {}

    for blob in blobs:
        contents = read_blob(blob)
        config |= contents.config
        for entry in contents.entries:
            if entry.name in owners:
                raise TensorTwice(tensor=entry.name, first=owners[entry.name], second=blob.name)
            owners[entry.name] = blob.name
            entries.append(entry)

    # All files of a model are of one format, so that the last one's finish serves for all.
    whole = contents.finished(Contents(entries, config), blobs[0].label)
    return Merged(whole, owners)


def read_blob(blob: Blob) -> Contents:
    """Index one file with the reader for its suffix. Raises CheckpointError."""
    head = read_bytes(blob, 0, min(SIGNED, blob.size))
    for (offset, signature), kind in SIGNATURES.items():
        if head.startswith(signature, offset):
            raise FormatNotRead(path=blob.label, format=kind, remedy=EXPORT)
    if head.startswith(LFS_POINTER):
        reason = "it is a Git LFS pointer, the weights themselves are missing"
        raise BrokenFile(path=blob.label, reason=reason)
    return READERS[blob.name.rpartition(".")[2]](blob)


def read_tensors(blob: Blob) -> Contents:
    """Index a safetensors file."""
    return Contents(read_safetensors(blob))


def read_bin(blob: Blob) -> Contents:
    """Index a file of the suffix with two meanings: llama2.c's export, else a pickle."""
    if is_llama2c(blob):
        return Contents(read_llama2c(blob))
    return read_pickle(blob)


def read_pickle(blob: Blob) -> Contents:
    """Index a torch pickle."""
    from registry.checkpoints.formats import pickle  # noqa: PLC0415  # other formats need no torch

    return Contents(pickle.read_pickle(blob))


def read_gguf(blob: Blob) -> Contents:
    """Index a GGUF file."""
    from registry.checkpoints.formats import gguf  # noqa: PLC0415  # other formats need no gguf

    return gguf.read_gguf(blob)


READERS: dict[str, Callable[[Blob], Contents]] = {
    "safetensors": read_tensors,
    "bin": read_bin,
    "pt": read_pickle,
    "pth": read_pickle,
    "ckpt": read_pickle,
    "gguf": read_gguf,
}
"""By what follows the last dot of a file's name."""
