"""Which files of a folder, here or on a hub, hold the model, and the index over all of them."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from registry.checkpoints.blob import Blob, LocalBlob, read_bytes
from registry.checkpoints.formats.llama2c import is_llama2c, read_llama2c
from registry.checkpoints.formats.safetensors import read_safetensors
from registry.checkpoints.model_card import read_json
from registry.checkpoints.tensors import Contents, Entry
from registry.errors import (
    BrokenFile,
    BrokenJSON,
    CheckpointError,
    FormatNotRead,
    MissingShard,
    NoWeights,
    SeveralCheckpoints,
    ShardMismatch,
    ShardOutside,
    TensorTwice,
)

Files = Mapping[str, Blob]
"""The files of a folder by their names within it."""

Reader = Callable[[Blob], Contents]


def bare(read: Callable[[Blob], list[Entry]]) -> Reader:
    """A reader for a format that says nothing of the model but its tensors."""
    return lambda blob: Contents(read(blob))


def read_pickle(blob: Blob) -> list[Entry]:
    """A pickle, whose index only torch can read."""
    from registry.checkpoints.formats import pickle  # noqa: PLC0415  # other formats need not wait for torch

    return pickle.read_pickle(blob)


def read_gguf(blob: Blob) -> Contents:
    """A GGUF file, whose library brings numpy."""
    from registry.checkpoints.formats import gguf  # noqa: PLC0415  # other formats need not wait for it

    return gguf.read_gguf(blob)


def read_bin(blob: Blob) -> list[Entry]:
    """A suffix with two meanings: llama2.c's export, else a pickle."""
    return read_llama2c(blob) if is_llama2c(blob) else read_pickle(blob)


READERS: dict[str, Reader] = {
    ".safetensors": bare(read_safetensors),
    ".bin": bare(read_bin),
    ".pt": bare(read_pickle),
    ".pth": bare(read_pickle),
    ".ckpt": bare(read_pickle),
    ".gguf": read_gguf,
}
# Formats that are known and not read: by suffix, and by the bytes at an offset.
EXPORT = "save the model that it was made from as safetensors"
UNREAD = {
    ".onnx": "an ONNX graph, whose names are lost",
    ".h5": "a Keras file",
    ".keras": "a Keras file",
    ".msgpack": "a Flax file",
    ".tflite": "a TensorFlow Lite graph",
    ".mlmodel": "a Core ML model",
    ".distcp": "a sharded torch.distributed checkpoint",
}
SIGNATURES = {
    (0, b"lmgg"): "GGML, which GGUF replaced in 2023",
    (0, b"fmgg"): "GGML, which GGUF replaced in 2023",
    (0, b"tjgg"): "GGML, which GGUF replaced in 2023",
    (257, b"ustar"): "a tar archive, as torch wrote before 0.1.10",
}
SIGNED = 512  # bytes in which all of them lie
# Training and quantising leave these beside the weights; a projector (mmproj) goes with a vision model in GGUF.
NOT_WEIGHTS = re.compile(
    r"(^|/)(training_args|training_state|optimizer|scheduler|scaler|rng_state(_\d+)?|adapter_model|.*optim_states)\.\w+$"
    r"|(mmproj|imatrix)[^/]*\.gguf$"
)
ADAPTERS = ("adapter_model.safetensors", "adapter_model.bin")  # read where there is no whole model
MOST_LISTED = 20  # names in a sentence
DEPTH = 3  # levels of folders within folders
INDEX = ".index.json"
LFS_POINTER = b"version https://git-lfs.github.com/spec"
SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})(?P<suffix>\.\w+)$")


def local_files(folder: Path, depth: int = DEPTH) -> Files:
    """The files of a folder on this machine and of the folders in it, so many levels down."""
    found: dict[str, Blob] = {}
    for place, folders, names in os.walk(folder):
        inner = Path(place).relative_to(folder)
        folders[:] = (
            sorted(name for name in folders if not name.startswith("."))
            if len(inner.parts) < depth
            else []
        )
        for name in sorted(names):
            found[(inner / name).as_posix()] = LocalBlob(
                Path(place, name), (inner / name).as_posix()
            )
    return found


def weight_files(names: Iterable[str]) -> list[str]:
    """The names, out of a folder's, that make up its model; empty where there are no weights.

    Files of the folder itself before those of folders in it; an index and its shards before lone files, safetensors
    before pickles before GGUF, an adapter only where there is no whole model. Where several inner folders hold weights,
    all of theirs.
    """
    inside: dict[str, list[str]] = {}
    for name in sorted(names):
        inside.setdefault(name.rpartition("/")[0], []).append(name)
    chosen = {folder: files for folder, own in inside.items() if (files := of_one_folder(own))}
    shallowest = min((level(folder) for folder in chosen), default=0)
    return [
        name for folder, files in chosen.items() if level(folder) == shallowest for name in files
    ]


def level(folder: str) -> int:
    """0 for the folder itself, 1 for a folder in it, ..."""
    return len(PurePosixPath(folder).parts)


def of_one_folder(names: list[str]) -> list[str]:
    """The model's files among those of one folder."""
    own = [name for name in names if not NOT_WEIGHTS.search(name)]
    for suffixes in ((".safetensors",), (".bin",), (".pt", ".pth", ".ckpt"), (".gguf",)):
        files = [name for name in own if name.endswith(suffixes)]
        indices = [
            name for name in own if name.endswith(tuple(suffix + INDEX for suffix in suffixes))
        ]
        if files or indices:
            return preferred(files, indices)
    return [name for name in names if PurePosixPath(name).name in ADAPTERS][
        -1:
    ]  # safetensors before pickles


def preferred(files: list[str], indices: list[str]) -> list[str]:
    """One model out of the files of one format: the indexed one, the standard name, else all of them."""
    if indices:
        index = min(
            indices, key=len
        )  # model.safetensors.index.json before model.fp16.safetensors.index.json
        stem = (
            index.removesuffix(PurePosixPath(index).name) + PurePosixPath(index).name.split(".")[0]
        )
        return [index, *(name for name in files if name.startswith(stem + "-"))]
    standard = [
        name
        for name in files
        if PurePosixPath(name).name in ("model.safetensors", "pytorch_model.bin")
    ]
    return standard or files


def open_folder(files: Files, source: str) -> Contents:
    """Index the model among the files of `source`. Raises CheckpointError."""
    names = only_model(files, source)
    if names[0].endswith(INDEX):
        return open_index(files, files[names[0]])
    check_shards(files, names[0])
    return merge([files[name] for name in names])[0]


def only_model(names: Iterable[str], source: str, separator: str = "/") -> list[str]:
    """`weight_files` of what must hold one model. Raises NoWeights, FormatNotRead and SeveralCheckpoints.

    separator: stands between the source and a file in it, where a user names one.
    """
    names = list(names)
    found = weight_files(names)
    if not found:
        raise no_weights(names, source)
    folders = sorted({name.rpartition("/")[0] for name in found})
    models = {SHARD.sub(r"\g<stem>-\g<total>\g<suffix>", name) for name in found}
    if len(folders) > 1 or (not found[0].endswith(INDEX) and len(models) > 1):
        example = f"{source.rstrip('/')}{separator}{found[0]}"
        raise SeveralCheckpoints(
            source=source, files=listed(folders if len(folders) > 1 else found), example=example
        )
    return found


def listed(names: list[str]) -> str:
    """Names for a sentence, not too many."""
    more = [f"{len(names) - MOST_LISTED} more"] if len(names) > MOST_LISTED else []
    return ", ".join([*names[:MOST_LISTED], *more])


def no_weights(names: Iterable[str], source: str) -> CheckpointError:
    """The error for files of which none can be read: it names the format where that is known."""
    for name in sorted(names):
        if PurePosixPath(name).suffix in UNREAD:
            return FormatNotRead(
                path=name, format=UNREAD[PurePosixPath(name).suffix], remedy=EXPORT
            )
    return NoWeights(source=source)


def open_index(files: Files, index: Blob) -> Contents:
    """Index every shard that a `*.index.json` names, each checked to lie beside it and to hold what it should."""
    places = read_json(index).get("weight_map")
    if (
        not isinstance(places, dict)
        or not places
        or not all(isinstance(place, str) for place in places.values())
    ):
        raise BrokenJSON(path=index.label, reason="it has no weight_map from tensors to files")
    shards = sorted(set(places.values()))
    for shard in shards:
        parts = PurePosixPath(shard.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or ":" in shard:
            raise ShardOutside(path=index.label, shard=shard)
        if place(index, shard) not in files or parts.suffix not in READERS:
            raise MissingShard(path=index.label, shard=shard)
    contents, owner = merge([files[place(index, shard)] for shard in shards])
    for tensor, shard in places.items():
        if owner.get(tensor) != place(index, shard):
            raise ShardMismatch(path=index.label, tensor=tensor, shard=shard)
    return contents


def place(index: Blob, shard: str) -> str:
    """The name of a shard that stands beside an index."""
    return (PurePosixPath(index.name).parent / shard).as_posix()


def check_shards(files: Files, name: str) -> None:
    """Without an index, `x-00001-of-00003` still tells how many files there should be."""
    for sibling in siblings(name):
        if sibling not in files:
            raise MissingShard(path=files[name].label, shard=sibling)


def siblings(name: str) -> list[str]:
    """The shards that make up a model with this one; a file that is none stands alone."""
    shard = SHARD.match(name)
    if shard is None or not 0 < int(shard["number"]) <= (total := int(shard["total"])):
        return [name]
    return [
        f"{shard['stem']}-{number:05d}-of-{total:05d}{shard['suffix']}"
        for number in range(1, total + 1)
    ]


def open_file(files: Files, name: str, source: str) -> Contents:
    """Index one file of `source`, by its name among its folder's: an index with its shards, a split GGUF whole."""
    if name.endswith(INDEX):
        return open_index(files, files[name])
    if PurePosixPath(name).suffix not in READERS:
        raise no_weights([name], source)
    if not name.endswith(".gguf"):
        return merge([files[name]])[0]
    check_shards(files, name)
    return merge([files[sibling] for sibling in siblings(name)])[0]


def with_siblings(names: list[str], name: str) -> list[str]:
    """Of a folder's files those that `open_file` reads for one of them."""
    if name.endswith(INDEX):
        return preferred([other for other in names if other.endswith(tuple(READERS))], [name])
    return (
        [other for other in siblings(name) if other in names] if name.endswith(".gguf") else [name]
    )


def merge(blobs: list[Blob]) -> tuple[Contents, dict[str, str]]:
    """The contents of several files, and which file holds which tensor. Raises TensorTwice."""
    entries: list[Entry] = []
    config: dict[str, Any] = {}
    owner: dict[str, str] = {}
    for blob in blobs:
        contents = read_blob(blob)
        config |= contents.config
        for entry in contents.entries:
            if entry.name in owner:
                raise TensorTwice(tensor=entry.name, first=owner[entry.name], second=blob.name)
            owner[entry.name] = blob.name
            entries.append(entry)
    return contents.finished(Contents(entries, config), blobs[0].label), owner


def read_blob(blob: Blob) -> Contents:
    """Index one file with the reader for its suffix. Raises CheckpointError."""
    head = read_bytes(blob, 0, min(SIGNED, blob.size))
    for (offset, signature), kind in SIGNATURES.items():
        if head.startswith(signature, offset):
            raise FormatNotRead(path=blob.label, format=kind, remedy=EXPORT)
    if head.startswith(LFS_POINTER):
        raise BrokenFile(
            path=blob.label, reason="it is a Git LFS pointer, the weights themselves are missing"
        )
    return READERS[PurePosixPath(blob.name).suffix](blob)
