"""Which files of a folder, here or on a hub, hold the model."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from registry.checkpoints.blob import Blob, LocalBlob
from registry.errors import CheckpointError, FormatNotRead, NoWeights, SeveralCheckpoints

Files = Mapping[str, Blob]
"""The files of a folder by their names within it."""

# The suffixes of the formats that are read, those first that are preferred beside others.
FORMATS = ((".safetensors",), (".bin",), (".pt", ".pth", ".ckpt"), (".gguf",))
SUFFIXES = tuple(suffix for suffixes in FORMATS for suffix in suffixes)
INDEX = ".index.json"
# Formats that are known and not read.
UNREAD = {
    ".onnx": "an ONNX graph, whose names are lost",
    ".h5": "a Keras file",
    ".keras": "a Keras file",
    ".msgpack": "a Flax file",
    ".tflite": "a TensorFlow Lite graph",
    ".mlmodel": "a Core ML model",
    ".distcp": "a sharded torch.distributed checkpoint",
}
EXPORT = "save the model that it was made from as safetensors"  # the remedy for all of them
# Training and quantising leave these beside the weights; a projector (mmproj) goes with a vision
# model in GGUF.
NOT_WEIGHTS = re.compile(
    r"(^|/)(training_args|training_state|optimizer|scheduler|scaler|rng_state(_\d+)?"
    r"|adapter_model|.*optim_states)\.\w+$"
    r"|(mmproj|imatrix)[^/]*\.gguf$"
)
STANDARD = ("model.safetensors", "pytorch_model.bin")
# Read where there is no whole model, the first before the second.
ADAPTERS = ("adapter_model.safetensors", "adapter_model.bin")
SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})(?P<suffix>\.\w+)$")
MOST_LISTED = 20  # names in a sentence
DEPTH = 3  # levels of folders within folders


def local_files(folder: Path, depth: int = DEPTH) -> Files:
    """Return the files of a local folder and of the folders in it, `depth` levels down."""
    files: dict[str, Blob] = {}
    for place, folders, names in os.walk(folder):
        inner = Path(place).relative_to(folder)
        if len(inner.parts) < depth:
            folders[:] = sorted(name for name in folders if not name.startswith("."))
        else:
            folders.clear()
        for name in sorted(names):
            within = (inner / name).as_posix()
            files[within] = LocalBlob(Path(place, name), within)
    return files


def weight_files(names: Iterable[str]) -> list[str]:
    """Return the names, out of a folder's, that make up its model; none where there are no weights.

    Files of the folder itself come before those of folders in it; an index and its shards before
    lone files, safetensors before pickles before GGUF, an adapter only where there is no whole
    model. Where several inner folders hold weights, all of theirs are returned.
    """
    by_folder: dict[str, list[str]] = {}
    for name in sorted(names):
        by_folder.setdefault(folder_of(name), []).append(name)

    by_level: dict[int, list[str]] = {}
    for folder, inside in by_folder.items():
        level = len(PurePosixPath(folder).parts)
        by_level.setdefault(level, []).extend(weights_of_one_folder(inside))

    for level in sorted(by_level):
        if by_level[level]:
            return by_level[level]
    return []


def folder_of(name: str) -> str:
    """Return the folder that a file lies in, empty for the outermost."""
    return name.rpartition("/")[0]


def weights_of_one_folder(names: list[str]) -> list[str]:
    """Return the model's files among those of one folder."""
    candidates = [name for name in names if not NOT_WEIGHTS.search(name)]

    for suffixes in FORMATS:
        index_suffixes = tuple(suffix + INDEX for suffix in suffixes)
        files = [name for name in candidates if name.endswith(suffixes)]
        indices = [name for name in candidates if name.endswith(index_suffixes)]
        if indices:
            return indexed(files, min(indices, key=len))  # model before model.fp16
        if files:
            standard = [name for name in files if PurePosixPath(name).name in STANDARD]
            return standard or files

    for adapter in ADAPTERS:
        for name in names:
            if PurePosixPath(name).name == adapter:
                return [name]
    return []


def indexed(files: list[str], index: str) -> list[str]:
    """Return an index and those of `files` that are called as its shards are."""
    path = PurePosixPath(index)
    stem = index.removesuffix(path.name) + path.name.split(".")[0]
    return [index, *(name for name in files if name.startswith(stem + "-"))]


def only_model(names: Iterable[str], source: str, separator: str = "/") -> list[str]:
    """Return `weight_files` of what must hold one model.

    Args:
        names: All files of the folder or repository.
        source: What it is called.
        separator: Stands between the source and a file in it, where a user names one.

    Raises:
        NoWeights, FormatNotRead: There is none.
        SeveralCheckpoints: Several folders hold weights, or several models lie in one.
    """
    names = list(names)
    chosen = weight_files(names)
    if not chosen:
        raise no_weights(names, source)

    folders = sorted({folder_of(name) for name in chosen})
    models = {SHARD.sub(r"\g<stem>-\g<total>\g<suffix>", name) for name in chosen}
    example = f"{source.rstrip('/')}{separator}{chosen[0]}"

    if len(folders) > 1:
        raise SeveralCheckpoints(source=source, files=listed(folders), example=example)
    if len(models) > 1 and not chosen[0].endswith(INDEX):
        raise SeveralCheckpoints(source=source, files=listed(chosen), example=example)
    return chosen


def listed(names: list[str]) -> str:
    """Return names for a sentence, not too many."""
    text = ", ".join(names[:MOST_LISTED])
    if len(names) > MOST_LISTED:
        text += f", {len(names) - MOST_LISTED} more"
    return text


def no_weights(names: Iterable[str], source: str) -> CheckpointError:
    """Return the error for files of which none can be read; it names a format that is known."""
    for name in sorted(names):
        suffix = PurePosixPath(name).suffix
        if suffix in UNREAD:
            return FormatNotRead(path=name, format=UNREAD[suffix], remedy=EXPORT)
    return NoWeights(source=source)


def siblings(name: str) -> list[str]:
    """Return the shards that make up a model with this one; a file that is none stands alone."""
    shard = SHARD.match(name)
    if shard is None:
        return [name]
    total = int(shard["total"])
    if not 0 < int(shard["number"]) <= total:
        return [name]
    numbers = range(1, total + 1)
    return [f"{shard['stem']}-{i:05d}-of-{total:05d}{shard['suffix']}" for i in numbers]


def with_siblings(names: list[str], name: str) -> list[str]:
    """Return those of a folder's files that are read where one of them is asked for."""
    if name.endswith(INDEX):
        return indexed([other for other in names if other.endswith(SUFFIXES)], name)
    if name.endswith(".gguf"):
        return [other for other in siblings(name) if other in names]
    return [name]
