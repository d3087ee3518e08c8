"""Which files of a folder hold the model, and the index over all of them."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

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
    UnreadableFile,
)

READERS: dict[str, Callable[[Path], list[Entry]]] = {
    ".safetensors": read_safetensors,
    ".bin": read_pickle,
    ".pt": read_pickle,
    ".pth": read_pickle,
    ".ckpt": read_pickle,
}
# Training leaves these beside the weights.
NOT_WEIGHTS = re.compile(r"(training_args|optimizer|scheduler|scaler|rng_state(_\d+)?|adapter_model)\.\w+$")
INDEX = ".index.json"
LFS_POINTER = b"version https://git-lfs.github.com/spec"
SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})(?P<suffix>\.\w+)$")


def weight_files(names: Iterable[str]) -> list[str]:
    """The names, out of a folder's, that make up its model.

    An index and its shards before lone files, safetensors before pickles; empty where there are no weights.
    """
    top = sorted(name for name in names if "/" not in name and not NOT_WEIGHTS.match(name))
    for suffixes in ((".safetensors",), (".bin",), (".pt", ".pth", ".ckpt")):
        files = [name for name in top if name.endswith(suffixes)]
        indices = [name for name in top if name.endswith(tuple(suffix + INDEX for suffix in suffixes))]
        if files or indices:
            return preferred(files, indices)
    return []


def preferred(files: list[str], indices: list[str]) -> list[str]:
    """One model out of the files of one format: the indexed one, the standard name, else all of them."""
    if indices:
        index = min(indices, key=len)  # model.safetensors.index.json before model.fp16.safetensors.index.json
        stem = index.split(".")[0]
        return [index, *(name for name in files if name.startswith(stem + "-"))]
    standard = [name for name in files if name in ("model.safetensors", "pytorch_model.bin")]
    return standard or files


def open_folder(folder: Path) -> list[Entry]:
    """Index the model in a folder. Raises NoWeights, MissingShard, SeveralCheckpoints and the readers' errors."""
    names = weight_files(path.name for path in folder.iterdir() if not path.is_dir())
    if not names:
        raise NoWeights(source=str(folder))
    if names[0].endswith(INDEX):
        return open_index(folder / names[0])
    if len(names) > 1 and not all(SHARD.match(name) for name in names):
        raise SeveralCheckpoints(source=str(folder), files=", ".join(names))
    check_shards(folder, names)
    return merge([folder / name for name in names])[0]


def open_file(path: Path) -> list[Entry]:
    """Index one file, or the shards that an index file names."""
    if path.name.endswith(INDEX):
        return open_index(path)
    if path.suffix not in READERS:
        raise NoWeights(source=str(path))
    return read_file(path)


def open_index(index: Path) -> list[Entry]:
    """Index every shard that a `*.index.json` names, each checked to lie beside it and to hold what it should."""
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not places or not all(isinstance(place, str) for place in places.values()):
        raise BrokenJSON(path=str(index), reason="it has no weight_map from tensors to files")
    shards = sorted(set(places.values()))
    for shard in shards:
        parts = PurePosixPath(shard.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or ":" in shard:
            raise ShardOutside(path=str(index), shard=shard)
        if not (index.parent / shard).is_file() or Path(shard).suffix not in READERS:
            raise MissingShard(path=str(index), shard=shard)
    entries, owner = merge([index.parent / shard for shard in shards])
    for tensor, shard in places.items():
        if owner.get(tensor) != index.parent / shard:
            raise ShardMismatch(path=str(index), tensor=tensor, shard=shard)
    return entries


def check_shards(folder: Path, names: list[str]) -> None:
    """Without an index, `x-00001-of-00003` still tells how many files there should be."""
    for name in names:
        if shard := SHARD.match(name):
            for number in range(1, int(shard["total"]) + 1):
                sibling = f"{shard['stem']}-{number:05d}-of-{shard['total']}{shard['suffix']}"
                if not (folder / sibling).is_file():
                    raise MissingShard(path=str(folder / name), shard=sibling)


def merge(paths: list[Path]) -> tuple[list[Entry], dict[str, Path]]:
    """The entries of several files, and which file holds which tensor. Raises TensorTwice."""
    entries: list[Entry] = []
    owner: dict[str, Path] = {}
    for path in paths:
        for entry in read_file(path):
            if entry.name in owner:
                raise TensorTwice(tensor=entry.name, first=owner[entry.name].name, second=path.name)
            owner[entry.name] = path
            entries.append(entry)
    return entries, owner


def read_file(path: Path) -> list[Entry]:
    """Index one file with the reader for its suffix."""
    if not path.is_file():
        raise UnreadableFile(path=str(path), reason="it is not a regular file")
    try:
        with path.open("rb") as file:
            start = file.read(len(LFS_POINTER))
    except OSError as exc:
        raise UnreadableFile(path=str(path), reason=exc.strerror or exc) from exc
    if start == LFS_POINTER:
        raise BrokenFile(path=str(path), reason="it is a Git LFS pointer, the weights themselves are missing")
    return READERS[path.suffix](path)
