"""The index over all files of a model, each read by the reader of its format."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.checkpoints.assembly import (
    Part,
    assembled,
    check_ranks,
    names_of_parts,
    part_of_model,
    says_how_it_is_cut,
)
from registry.checkpoints.blob import Blob, Files, read_bytes
from registry.checkpoints.folder import (
    EXPORT,
    INDEX,
    SUFFIXES,
    UNREAD,
    no_weights,
    only_model,
    siblings,
)
from registry.checkpoints.formats.llama2c import is_llama2c, read_llama2c
from registry.checkpoints.formats.safetensors import read_safetensors
from registry.checkpoints.formats.signatures import SIGNED, UNREAD_SIGNATURES, WEB_PAGE, format_of
from registry.checkpoints.model_card import beside, read_weight_map
from registry.checkpoints.ranks import pieces_of
from registry.checkpoints.stamps import stamp_of
from registry.checkpoints.tensors import Contents, Entry, FileStamp, Piece
from registry.errors import (
    BrokenFile,
    FormatNotRead,
    MissingShard,
    PartOfModel,
    ShardMismatch,
    ShardOutside,
    TensorTwice,
)

if TYPE_CHECKING:
    from registry.checkpoints.claim import Claim

LFS_POINTER = b"version https://git-lfs.github.com/spec"


class Merged(NamedTuple):
    """The contents of several files, and the name of the file that holds each tensor."""

    contents: Contents
    owners: dict[str, str]


def open_folder(files: Files, source: str) -> Contents:
    """Index the model among the files of `source`. Raises CheckpointError."""
    names = only_model(files, source)
    if INDEX.search(names[0]):
        return open_index(files, files[names[0]])
    if names_of_parts(names[0], names):
        return open_parts(files, names)
    check_shards(files, names[0])
    return merge([files[name] for name in names]).contents


def open_file(files: Files, name: str, source: str) -> Contents:
    """Index one file of `source`: an index with its shards, a split GGUF and parts whole.

    Raises CheckpointError.
    """
    if INDEX.search(name):
        return open_index(files, files[name])
    is_unread = PurePosixPath(name).suffix in UNREAD
    if not name.endswith(SUFFIXES) and (is_unread or format_of(files[name]) is None):
        raise no_weights([name], source)
    parts = names_of_parts(name, list(files))
    if parts:
        return open_parts(files, parts, parts.index(name))
    if not name.endswith(".gguf"):
        pieces = pieces_of(name, list(files))
        return merge([files[piece] for piece in pieces]).contents
    check_shards(files, name)
    return merge([files[sibling] for sibling in siblings(name)]).contents


def open_parts(files: Files, names: list[str], named: int = 0) -> Contents:
    """Index a model that lies in the files of several ranks, of which one was named.

    Raises PartOfModel where they cannot be put together, MissingPart where one is missing.
    """
    label = files[names[named]].label
    if not says_how_it_is_cut(names[0]):
        raise part_of_model(label, named, len(names))
    check_ranks(names, label)
    parts = [Part(files[name].label, read_blob(files[name])) for name in names]
    size = sum(part.contents.size for part in parts)
    stamps = [stamp for part in parts for stamp in part.contents.files]
    return replace(
        assembled(parts, named),
        format=parts[0].contents.format,
        size=size,
        files=tuple(stamps),
    )


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


def merge(blobs: list[Blob]) -> Merged:
    """Return the contents of several files as one. Raises TensorTwice and the files' errors."""
    entries: list[Entry] = []
    config: dict[str, Any] = {}
    owners: dict[str, str] = {}
    claims: dict[Claim, None] = {}
    stamps: list[FileStamp] = []
    size = 0

    for blob in blobs:
        contents = read_blob(blob)
        config |= contents.config
        claims |= dict.fromkeys(contents.claims)
        size += contents.size
        stamps += contents.files
        for entry in contents.entries:
            if isinstance(entry, Piece) and entry.shape != entry.whole:
                raise PartOfModel(path=blob.label, share="one of several parts")
            if entry.name in owners:
                raise TensorTwice(tensor=entry.name, first=owners[entry.name], second=blob.name)
            owners[entry.name] = blob.name
            entries.append(entry)

    # All files of a model are of one format, so that the last one's finish serves for all.
    whole = contents.finished(Contents(entries, config), blobs[0].label)
    whole = replace(
        whole,
        format=contents.format,
        size=size,
        claims=tuple(claims),
        files=tuple(stamps),
    )
    return Merged(whole, owners)


def read_blob(blob: Blob) -> Contents:
    """Index one file with the reader for its suffix. Raises CheckpointError."""
    head = read_bytes(blob, 0, min(SIGNED, blob.size))
    for (offset, signature), kind in UNREAD_SIGNATURES.items():
        if head.startswith(signature, offset):
            raise FormatNotRead(path=blob.label, format=kind, remedy=EXPORT)
    if WEB_PAGE.match(head):
        raise BrokenFile(path=blob.label, reason="it is a web page")
    if head.startswith(LFS_POINTER):
        reason = "it is a Git LFS pointer, the weights themselves are missing"
        raise BrokenFile(path=blob.label, reason=reason)
    suffix = blob.name.rpartition(".")[2]
    contents = READERS[suffix if suffix in READERS else format_of(blob) or suffix](blob)
    return replace(contents, size=blob.size, files=(stamp_of(blob),))


def read_tensors(blob: Blob) -> Contents:
    """Index a safetensors file."""
    return Contents(read_safetensors(blob), format="safetensors")


def read_bin(blob: Blob) -> Contents:
    """Index a file of the suffix with two meanings: llama2.c's export, else a pickle."""
    if is_llama2c(blob):
        return Contents(read_llama2c(blob), format="llama2.c")
    return read_pickle(blob)


def read_pickle(blob: Blob) -> Contents:
    """Index a torch pickle."""
    from registry.checkpoints.formats import pickle  # noqa: PLC0415  # other formats need no torch

    return Contents(pickle.read_pickle(blob), format="pickle")


def read_gguf(blob: Blob) -> Contents:
    """Index a GGUF file."""
    from registry.checkpoints.formats import gguf  # noqa: PLC0415  # other formats need no gguf

    return gguf.read_gguf(blob)


def read_onnx(blob: Blob) -> Contents:
    """Index an ONNX graph."""
    from registry.checkpoints.formats import onnx  # noqa: PLC0415  # other formats need no onnx

    return Contents(onnx.read_onnx(blob), format="onnx")


READERS: dict[str, Callable[[Blob], Contents]] = {
    "safetensors": read_tensors,
    "bin": read_bin,
    "pt": read_pickle,
    "pth": read_pickle,
    "ckpt": read_pickle,
    "gguf": read_gguf,
    "onnx": read_onnx,
}
"""By what follows the last dot of a file's name, or by its first bytes where that says nothing."""
