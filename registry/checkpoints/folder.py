"""Which files of a folder, here or on a hub, hold the model."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from registry.checkpoints.ranks import parts_of, pieces_of, without_piece, without_rank
from registry.errors import CheckpointError, FormatNotRead, NoWeights, SeveralCheckpoints

# The suffixes of the formats that are read, those first that are preferred beside others.
FORMATS = ((".safetensors",), (".bin",), (".pt", ".pth", ".ckpt"), (".gguf",), (".onnx",))
SUFFIXES = tuple(suffix for suffixes in FORMATS for suffix in suffixes)
INDEX = re.compile(r"\.(?P<format>safetensors|bin)\.index(\.[\w-]+)?\.json$")
EXPORT = "save the model that it was made from as safetensors"
# Formats that are known and not read, and what to do.
UNREAD = {
    ".h5": ("a Keras file", EXPORT),
    ".keras": ("a Keras file", EXPORT),
    ".msgpack": ("a Flax file", EXPORT),
    ".tflite": ("a TensorFlow Lite graph", EXPORT),
    ".mlmodel": ("a Core ML model", EXPORT),
    ".distcp": ("a sharded torch.distributed checkpoint", EXPORT),
    ".nemo": ("a NeMo archive", "unpack it with tar and give the weights in it"),
    ".llamafile": (
        "a llamafile, an executable around a GGUF file",
        "unpack it with unzip and give the .gguf file in it",
    ),
}
# Training and quantising leave these beside the weights; a projector (mmproj) goes with a vision
# model in GGUF.
NOT_WEIGHTS = re.compile(
    r"(^|/)(training_args|training_state|optimizer|scheduler|scaler|rng_state(_\d+)?"
    r"|adapter_model|adapters|.*optim_states|(optim|extra_state)_world_size_\d+_rank_\d+"
    r"|distrib_optim)\.\w+$"
    r"|mmproj[^/]*\.gguf$|(^|/)imatrix[^/]*\.gguf$"
)
# In the name of a GGUF model; without it, imatrix in the name means the importance matrix itself.
QUANTISATION = re.compile(r"(?<![a-z])(I?Q\d|B?F16|F32)(?!.*\.imatrix\.gguf$)", re.IGNORECASE)
STANDARD = ("model.safetensors", "pytorch_model.bin")
# Read where there is no whole model, the first before the second.
ADAPTERS = ("adapter_model.safetensors", "adapter_model.bin", "adapters.safetensors")
ADAPTER_CONFIG = "adapter_config.json"
# What trainers leave beside an adapter: the head of a reward model, a projector trained whole.
BESIDE_ADAPTER = re.compile(
    r"(^|/)(?P<stem>(v|value)_head|non_lora_trainables)\.(safetensors|bin)$"
)
# What is a whole model even beside an adapter and its config.
WHOLE = re.compile(
    r"(^|/)((pytorch_)?model|consolidated)[^/]*$|^(?!.*(lora|adapter)[^/]*$).*\.gguf$",
    re.IGNORECASE,
)
# The variant (fp16) of a model stands between the number and the format, or before the number.
SHARD = re.compile(
    r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})(?P<suffix>(\.[\w-]+)?\.\w+)$"
)
MOST_LISTED = 20  # names in a sentence


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


def file_of(name: str) -> str:
    """Return what a file is called within its folder."""
    return name.rpartition("/")[2]


def weights_of_one_folder(names: list[str]) -> list[str]:
    """Return the model's files among those of one folder."""
    candidates = [name for name in names if not NOT_WEIGHTS.search(name)]
    is_configured = any(file_of(name) == ADAPTER_CONFIG for name in names)
    if is_configured and not any(is_whole(name) for name in candidates):
        adapter = adapter_files(names)
        if adapter:
            return adapter
    models = [name for name in candidates if not is_secondary(name)]

    for suffixes in FORMATS:
        files = [name for name in models or candidates if name.endswith(suffixes)]
        standard = [name for name in files if file_of(name) in STANDARD]
        if standard:  # as transformers does, whatever shards stand beside it
            return standard
        indices = [name for name in candidates if is_index_of(name, suffixes)]
        if indices:
            return indexed(files, min(indices, key=len))  # model before model.fp16
        if files:
            return files

    return adapter_files(names)


def adapter_files(names: list[str]) -> list[str]:
    """Return the adapter among the files of one folder and what was trained beside it; or none."""
    for adapter in ADAPTERS:
        for name in names:
            if file_of(name) == adapter:
                return [name, *trained_beside(names)]
    return []


def trained_beside(names: list[str]) -> list[str]:
    """Return the files beside an adapter that hold what was trained whole; of copies, one each."""
    by_stem: dict[str, str] = {}
    for name in sorted(names, reverse=True):  # .safetensors before .bin
        match = BESIDE_ADAPTER.search(name)
        if match:
            by_stem.setdefault(match["stem"], name)
    return list(by_stem.values())


def is_of_adapter(name: str) -> bool:
    """Return whether a file is an adapter by its name, or what was trained beside one."""
    return file_of(name) in ADAPTERS or bool(BESIDE_ADAPTER.search(name))


def is_whole(name: str) -> bool:
    """Return whether a file is a model by its name, or a part of one."""
    return bool(WHOLE.search(name)) and name.endswith((*SUFFIXES, ".json"))


def is_secondary(name: str) -> bool:
    """Return whether a GGUF file, by its name, is a draft head or an importance matrix.

    Alone in its folder it may be the model all the same.
    """
    file = file_of(name)
    if not file.endswith(".gguf"):
        return False
    return file.startswith("mtp-") or ("imatrix" in file and not QUANTISATION.search(file))


def is_index_of(name: str, suffixes: tuple[str, ...]) -> bool:
    """Return whether a file is the index of shards of one of these formats."""
    index = INDEX.search(name)
    return index is not None and f".{index['format']}" in suffixes


def left_aside(names: Iterable[str], chosen: list[str]) -> list[str]:
    """Return what else in the folder of the chosen files could be weights, for people to see."""
    folder = folder_of(chosen[0])
    rest = []
    for name in sorted(names):
        is_weights = name.endswith(SUFFIXES) and not NOT_WEIGHTS.search(name)
        if is_weights and name not in chosen and folder_of(name) == folder:
            rest.append(name)
    return rest


def indexed(files: list[str], index: str) -> list[str]:
    """Return an index and those of `files` that are called as its shards are.

    That is model-00001-of-00002.safetensors, model.safetensors-00001-of-00002.safetensors, or with
    the variant (.fp16) before or after the number.
    """
    path = PurePosixPath(index)
    stem = index.removesuffix(path.name) + path.name.split(".")[0]
    shards = [name for name in files if name.startswith((stem + "-", stem + "."))]
    return [index, *(name for name in shards if SHARD.fullmatch(name))]


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

    models = {model_of(name) for name in chosen if not BESIDE_ADAPTER.search(name)}
    models = models or set(chosen)
    folders = sorted({folder_of(name) for name in models})
    example = f"{source.rstrip('/')}{separator}{chosen[0]}"

    if len(folders) > 1:
        raise SeveralCheckpoints(source=source, files=listed(folders), example=example)
    if len(models) > 1 and not INDEX.search(chosen[0]):
        raise SeveralCheckpoints(source=source, files=listed(chosen), example=example)
    return chosen


def model_of(name: str) -> str:
    """Return what all files of one model have in common: the name without shard and rank."""
    name = without_piece(name)
    return without_rank(SHARD.sub(r"\g<stem>-\g<total>\g<suffix>", name))


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
            kind, remedy = UNREAD[suffix]
            return FormatNotRead(path=name, format=kind, remedy=remedy)
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
    if INDEX.search(name):
        return indexed([other for other in names if other.endswith(SUFFIXES)], name)
    if name.endswith(".gguf"):
        return [other for other in siblings(name) if other in names]
    if name.endswith(".onnx"):  # the data of a large graph lie beside it
        return [name, *(other for other in names if other.startswith(name) and other != name)]
    return parts_of(name, names) if without_rank(name) != name else pieces_of(name, names)
