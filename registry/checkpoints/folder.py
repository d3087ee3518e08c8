"""Which files of a folder, here or on a hub, hold the model, and the index over all of them."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

from registry.checkpoints.blob import Blob, LocalBlob, read_bytes
from registry.checkpoints.card import read_json
from registry.checkpoints.entry import Entry
from registry.checkpoints.pickles import read_pickle
from registry.checkpoints.safetensors import read_safetensors
from registry.errors import (
    BrokenFile,
    BrokenJSON,
    MissingShard,
    NoWeights,
    SeveralCheckpoints,
    ShardMismatch,
    ShardOutside,
    TensorTwice,
)

Files = Mapping[str, Blob]
"""The files of a folder by their names within it."""

READERS: dict[str, Callable[[Blob], list[Entry]]] = {
    ".safetensors": read_safetensors,
    ".bin": read_pickle,
    ".pt": read_pickle,
    ".pth": read_pickle,
    ".ckpt": read_pickle,
}
# Training leaves these beside the weights.
NOT_WEIGHTS = re.compile(r"(training_args|optimizer|scheduler|scaler|rng_state(_\d+)?|adapter_model)\.\w+$")
ADAPTERS = ("adapter_model.safetensors", "adapter_model.bin")  # read where there is no whole model
INDEX = ".index.json"
LFS_POINTER = b"version https://git-lfs.github.com/spec"
SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})(?P<suffix>\.\w+)$")


def local_files(folder: Path) -> Files:
    """The files of a folder on this machine."""
    return {path.name: LocalBlob(path, path.name) for path in sorted(folder.iterdir()) if not path.is_dir()}


def weight_files(names: Iterable[str]) -> list[str]:
    """The names, out of a folder's, that make up its model.

    An index and its shards before lone files, safetensors before pickles, an adapter only where there is no whole
    model; empty where there are no weights.
    """
    names = list(names)
    top = sorted(name for name in names if "/" not in name and not NOT_WEIGHTS.match(name))
    for suffixes in ((".safetensors",), (".bin",), (".pt", ".pth", ".ckpt")):
        files = [name for name in top if name.endswith(suffixes)]
        indices = [name for name in top if name.endswith(tuple(suffix + INDEX for suffix in suffixes))]
        if files or indices:
            return preferred(files, indices)
    return [name for name in ADAPTERS if name in names][:1]


def preferred(files: list[str], indices: list[str]) -> list[str]:
    """One model out of the files of one format: the indexed one, the standard name, else all of them."""
    if indices:
        index = min(indices, key=len)  # model.safetensors.index.json before model.fp16.safetensors.index.json
        stem = index.split(".")[0]
        return [index, *(name for name in files if name.startswith(stem + "-"))]
    standard = [name for name in files if name in ("model.safetensors", "pytorch_model.bin")]
    return standard or files


def open_folder(files: Files, source: str) -> list[Entry]:
    """Index the model among the files of `source`. Raises CheckpointError."""
    names = weight_files(files)
    if not names:
        raise NoWeights(source=source)
    if names[0].endswith(INDEX):
        return open_index(files, files[names[0]])
    if len(names) > 1 and not all(SHARD.match(name) for name in names):
        raise SeveralCheckpoints(source=source, files=", ".join(names))
    check_shards(files, names)
    return merge([files[name] for name in names])[0]


def open_index(files: Files, index: Blob) -> list[Entry]:
    """Index every shard that a `*.index.json` names, each checked to lie beside it and to hold what it should."""
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not places or not all(isinstance(place, str) for place in places.values()):
        raise BrokenJSON(path=index.label, reason="it has no weight_map from tensors to files")
    shards = sorted(set(places.values()))
    for shard in shards:
        parts = PurePosixPath(shard.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or ":" in shard:
            raise ShardOutside(path=index.label, shard=shard)
        if shard not in files or PurePosixPath(shard).suffix not in READERS:
            raise MissingShard(path=index.label, shard=shard)
    entries, owner = merge([files[shard] for shard in shards])
    for tensor, shard in places.items():
        if owner.get(tensor) != shard:
            raise ShardMismatch(path=index.label, tensor=tensor, shard=shard)
    return entries


def check_shards(files: Files, names: list[str]) -> None:
    """Without an index, `x-00001-of-00003` still tells how many files there should be."""
    for name in names:
        if shard := SHARD.match(name):
            for number in range(1, int(shard["total"]) + 1):
                sibling = f"{shard['stem']}-{number:05d}-of-{shard['total']}{shard['suffix']}"
                if sibling not in files:
                    raise MissingShard(path=files[name].label, shard=sibling)


def merge(blobs: list[Blob]) -> tuple[list[Entry], dict[str, str]]:
    """The entries of several files, and which file holds which tensor. Raises TensorTwice."""
    entries: list[Entry] = []
    owner: dict[str, str] = {}
    for blob in blobs:
        for entry in read_blob(blob):
            if entry.name in owner:
                raise TensorTwice(tensor=entry.name, first=owner[entry.name], second=blob.name)
            owner[entry.name] = blob.name
            entries.append(entry)
    return entries, owner


def read_blob(blob: Blob) -> list[Entry]:
    """Index one file with the reader for its suffix. Raises CheckpointError."""
    if read_bytes(blob, 0, min(len(LFS_POINTER), blob.size)) == LFS_POINTER:
        raise BrokenFile(path=blob.label, reason="it is a Git LFS pointer, the weights themselves are missing")
    return READERS[PurePosixPath(blob.name).suffix](blob)
