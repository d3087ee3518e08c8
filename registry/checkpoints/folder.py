"""Which files of a folder, here or on a hub, hold the model, and the index over all of them."""

import os
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
NOT_WEIGHTS = re.compile(
    r"(^|/)(training_args|training_state|optimizer|scheduler|scaler|rng_state(_\d+)?|adapter_model|.*optim_states)\.\w+$"
)
DEPTH = 3  # levels of folders within folders
INDEX = ".index.json"
LFS_POINTER = b"version https://git-lfs.github.com/spec"
SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})(?P<suffix>\.\w+)$")


def local_files(folder: Path, depth: int = DEPTH) -> Files:
    """The files of a folder on this machine and of the folders in it, so many levels down."""
    found: dict[str, Blob] = {}
    for place, folders, names in os.walk(folder):
        inner = Path(place).relative_to(folder)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if len(inner.parts) < depth else []
        for name in sorted(names):
            found[(inner / name).as_posix()] = LocalBlob(Path(place, name), (inner / name).as_posix())
    return found


def weight_files(names: Iterable[str]) -> list[str]:
    """The names, out of a folder's, that make up its model; empty where there are no weights.

    Files of the folder itself before those of folders in it; an index and its shards before lone files, safetensors
    before pickles. Where several inner folders hold weights, all of theirs.
    """
    inside: dict[str, list[str]] = {}
    for name in sorted(names):
        inside.setdefault(name.rpartition("/")[0], []).append(name)
    chosen = {folder: files for folder, own in inside.items() if (files := of_one_folder(own))}
    shallowest = min((level(folder) for folder in chosen), default=0)
    return [name for folder, files in chosen.items() if level(folder) == shallowest for name in files]


def level(folder: str) -> int:
    """0 for the folder itself, 1 for a folder in it, ..."""
    return len(PurePosixPath(folder).parts)


def of_one_folder(names: list[str]) -> list[str]:
    """The model's files among those of one folder."""
    own = [name for name in names if not NOT_WEIGHTS.search(name)]
    for suffixes in ((".safetensors",), (".bin",), (".pt", ".pth", ".ckpt")):
        files = [name for name in own if name.endswith(suffixes)]
        indices = [name for name in own if name.endswith(tuple(suffix + INDEX for suffix in suffixes))]
        if files or indices:
            return preferred(files, indices)
    return []


def preferred(files: list[str], indices: list[str]) -> list[str]:
    """One model out of the files of one format: the indexed one, the standard name, else all of them."""
    if indices:
        index = min(indices, key=len)  # model.safetensors.index.json before model.fp16.safetensors.index.json
        stem = index.removesuffix(PurePosixPath(index).name) + PurePosixPath(index).name.split(".")[0]
        return [index, *(name for name in files if name.startswith(stem + "-"))]
    standard = [name for name in files if PurePosixPath(name).name in ("model.safetensors", "pytorch_model.bin")]
    return standard or files


def open_folder(files: Files, source: str) -> list[Entry]:
    """Index the model among the files of `source`. Raises CheckpointError."""
    names = weight_files(files)
    if not names:
        raise NoWeights(source=source)
    folders = sorted({name.rpartition("/")[0] for name in names})
    if len(folders) > 1:
        raise SeveralCheckpoints(source=source, files=", ".join(folders))
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
        if place(index, shard) not in files or parts.suffix not in READERS:
            raise MissingShard(path=index.label, shard=shard)
    entries, owner = merge([files[place(index, shard)] for shard in shards])
    for tensor, shard in places.items():
        if owner.get(tensor) != place(index, shard):
            raise ShardMismatch(path=index.label, tensor=tensor, shard=shard)
    return entries


def place(index: Blob, shard: str) -> str:
    """The name of a shard that stands beside an index."""
    return (PurePosixPath(index.name).parent / shard).as_posix()


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
