"""What a user names - a folder, a file, a hub id - becomes a checkpoint."""

import os
import platform
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from registry.checkpoints.blob import Blob, Files, LocalBlob
from registry.checkpoints.checkpoint import Checkpoint
from registry.checkpoints.claims import ADAPTER_CONFIG, claims_beside
from registry.checkpoints.contents import open_file, open_folder
from registry.checkpoints.folder import folder_of, is_of_adapter, left_aside, weight_files
from registry.checkpoints.hub import hub_host, open_model, weights_of
from registry.checkpoints.local import (
    cached_commit,
    cached_id,
    local_blobs,
    local_files,
    snapshot,
    with_suffixless,
    without_copies,
)
from registry.checkpoints.model_card import declared_base, read_config, read_json
from registry.checkpoints.peft.adapter import adapter_entries, is_adapter
from registry.checkpoints.peft.dialects import GGUF_ADAPTER, in_pefts_words
from registry.checkpoints.peft.unmerged import (
    base_alone,
    is_unmerged,
    merged_entries,
    taken_apart,
)
from registry.checkpoints.quantised import dequantised
from registry.checkpoints.ranks import without_rank
from registry.checkpoints.source_facts import SourceFacts
from registry.checkpoints.source_names import HUB_ID, is_step
from registry.checkpoints.stamps import checkpoint_stamp
from registry.checkpoints.tensors import Contents, Entry
from registry.checkpoints.towers import asked, config_of_tower, entries_below
from registry.checkpoints.wrappers import check_whole, unwrapped
from registry.errors import MissingAdapterConfig, SourceNotFound, UnreadableFile

BESIDE = ("config.json", ADAPTER_CONFIG, "README.md")


class Origin(NamedTuple):
    """Where a checkpoint lies: as the user names it, the name that it is given, a hub commit.

    host: the hub's; None for this machine's.
    """

    source: str
    name: str
    revision: str | None = None
    remote: bool = False
    host: str | None = None


def open_checkpoint(source: str | Path, *, download: bool = False) -> Checkpoint:
    """Index a folder, a file or `hub/id[@revision][:file]`, or `#path` of it; no tensor is read.

    Args:
        source: What the user names; with `#path`, the tower or second decoder that stands there.
        download: Keep a hub model in the hub cache instead of reading it over the network.

    Raises:
        CheckpointError: It cannot be found or read; the error says why and what to do.
    """
    plain, tower = asked(str(source))
    if tower is None:
        return open_whole(source, download=download)
    whole = open_whole(plain, download=download)
    return replace(
        whole,
        source=str(source),
        name=f"{whole.name}#{tower}",
        config=config_of_tower(whole.config, tower),
        entries=entries_below(whole.entries, tower, plain),
        facts=replace(whole.facts, place=f"{whole.facts.place}#{tower}"),
    )


def open_whole(source: str | Path, *, download: bool = False) -> Checkpoint:
    """Index a folder, a file or `hub/id[@revision][:file]`; no tensor is read.

    Args:
        source: What the user names. What exists here is not looked for on the hub.
        download: Keep a hub model in the hub cache instead of reading it over the network.

    Raises:
        CheckpointError: It cannot be found or read; the error says why and what to do.
    """
    if not str(source).strip():
        raise SourceNotFound(source=str(source))
    path = Path(os.path.expanduser(source))  # noqa: PTH111  # Path's raises for unknown users
    try:
        if path.is_dir():
            return from_folder(str(source), path)
        if path.exists():
            return from_file(str(source), path)
    except OSError as exc:
        raise UnreadableFile(path=str(source), reason=exc.strerror or exc) from exc
    return from_hub(str(source), download=download)


def from_folder(source: str, path: Path) -> Checkpoint:
    """Index the one model in a folder."""
    path = snapshot(path)
    files = files_of_folder(path)
    place = path.resolve()
    origin = Origin(source, name_of_folder(place), cached_commit(place))
    contents = open_folder(files, source)
    chosen = weight_files(files)
    opened = checkpoint(origin, beside(files, chosen[0]), contents, chosen)
    aside = tuple(left_aside(files, chosen))
    return replace(opened, left_aside=aside, blobs=local_blobs(files, contents.files))


def files_of_folder(path: Path) -> Files:
    """Return the files of a folder, copies aside; without weights, those that prove to be some."""
    files = without_copies(path, local_files(path))
    return files if weight_files(files) else with_suffixless(files)


def name_of_folder(place: Path) -> str:
    """Return what the model in a folder is called: its hub id, or the name of the folder.

    That of a run's folder (checkpoint-100) is called by the folder above, too.
    """
    name = f"{place.parent.name}/{place.name}" if is_step(place.name) else place.name
    return cached_id(place) or name.lstrip("/")


def name_of_file(path: Path) -> str:
    """Return what the model in a file is called: half of all checkpoints are named model.pt."""
    folder = path.resolve().parent
    return f"{folder.name}/{path.name}".lstrip("/")


def from_file(source: str, path: Path) -> Checkpoint:
    """Index a single file, called by its folder too."""
    name = name_of_file(path)
    folder = path.resolve().parent
    files = local_files(path.parent, 0)
    if "#/" in without_rank(f"{folder.name}/{path.name}"):  # of ranks that have a folder each
        path = Path(folder.name, path.name)
        files = local_files(folder.parent, 1)
    origin = Origin(source, name)
    weights = path.as_posix() if path.as_posix() in files else path.name
    contents = open_file(files, weights, source)
    opened = checkpoint(origin, files, contents, [weights])
    return replace(opened, blobs=local_blobs(files, contents.files))


def from_hub(source: str, *, download: bool) -> Checkpoint:
    """Index a model of the hub, at the commit that the revision points to now."""
    match = HUB_ID.fullmatch(source)
    if match is None:
        raise SourceNotFound(source=source)
    model, revision, file = match["model"], match["revision"], match["file"]
    files, commit = open_model(model, revision, file, download=download)
    weights = weights_of(model, list(files), file)
    remote = not all(isinstance(files[name], LocalBlob) for name in weights)
    contents = open_file(files, file, source) if file else open_folder(files, source)
    origin = Origin(source, source, commit, remote, hub_host())
    opened = checkpoint(origin, beside(files, weights[0]), contents, weights)
    opened = replace(opened, blobs=local_blobs(files, contents.files))
    if file:
        return opened
    return replace(opened, left_aside=tuple(left_aside(files, weights)))


def without_revision(source: str) -> str:
    """Return a hub id, and the file that is meant in it, less the revision."""
    match = HUB_ID.fullmatch(source)
    if match is None:
        return source
    return f"{match['model']}:{match['file']}" if match["file"] else match["model"]


def full_path(source: str) -> str:
    """Return a path from the root on, with the home folder for `~`; links are not followed."""
    return os.path.abspath(os.path.expanduser(source))  # noqa: PTH100, PTH111  # of any text


def beside(files: Files, weights: str) -> Files:
    """Return what stands beside weights, as if their folder had been given.

    What is missing there (a config, a card) is taken from the folder above, or from a folder
    called as the library that writes it.
    """
    folder = folder_of(weights)
    inside: dict[str, Blob] = {}
    for name in BESIDE:
        for place in dict.fromkeys((folder, f"{folder}/huggingface".lstrip("/"), "")):
            path = f"{place}/{name}".lstrip("/")
            if path in files:
                inside[name] = files[path]
                break
    for name, blob in files.items():
        if folder_of(name) == folder:
            inside.setdefault(name.removeprefix(f"{folder}/"), blob)
    return inside


def checkpoint(
    origin: Origin, files: Files, contents: Contents, chosen: Sequence[str]
) -> Checkpoint:
    """Return tensors together with what stands beside them.

    Quantised tensors are joined into what they stand for, those of an adapter into LoRA deltas.
    Raises MissingAdapterConfig, UnmergedAdapter, BrokenJSON and what the joins raise.

    Args:
        files: What stands in the folder of the weights.
        chosen: The names of the files that were read.
    """
    check_whole(contents.entries, origin.source)
    contents = replace(contents, entries=unwrapped(contents.entries))
    entries = contents.entries
    configured = ADAPTER_CONFIG in files
    alone = configured and all(is_of_adapter(name) for name in chosen)  # of whatever method
    config = read_config(files) or contents.config
    if not alone and is_unmerged(entries):
        opened = model_with_adapter(origin, files, entries, config)
    elif alone or GGUF_ADAPTER in contents.config or is_adapter(entries, configured=configured):
        opened = adapter(origin, files, contents)
    else:
        opened = model(origin, files, entries, config)
    return replace(
        opened,
        claims=claims_beside(files, contents.claims, origin.name),
        facts=SourceFacts(
            place=(without_revision if origin.host else full_path)(origin.source),
            host=origin.host or platform.node() or None,
            size=contents.size,
            format=contents.format,
        ),
        stamp=checkpoint_stamp(origin.host, origin.revision, contents, files),
    )


def model(
    origin: Origin, files: Files, entries: Sequence[Entry], config: dict[str, Any]
) -> Checkpoint:
    """Return a model. Raises what joining quantised tensors raises."""
    return Checkpoint(
        source=origin.source,
        name=origin.name,
        revision=origin.revision,
        config=config,
        base=declared_base(files, config, origin.name),
        entries=tuple(dequantised(entries, config)),
        remote=origin.remote,
    )


def model_with_adapter(
    origin: Origin, files: Files, entries: Sequence[Entry], config: dict[str, Any]
) -> Checkpoint:
    """Return the model that weights and the adapter on them compute.

    Raises UnmergedAdapter where nothing says how, BrokenAdapter and what reading raises.
    """
    unmerged = taken_apart(entries)
    if ADAPTER_CONFIG not in files:
        without = base_alone(unmerged, config, origin.source)
        return model(origin, files, without, config)
    settings = read_json(files[ADAPTER_CONFIG])
    base = model(origin, files, unmerged.base, config)
    together = merged_entries(base.entries, unmerged.changes, settings, origin.source)
    declared = declared_base(files, {"_name_or_path": settings.get("base_model_name_or_path")})
    return replace(base, entries=tuple(together), base=declared)


def adapter(origin: Origin, files: Files, contents: Contents) -> Checkpoint:
    """Return an adapter's LoRA deltas. Raises MissingAdapterConfig and what reading raises."""
    entries = contents.entries
    settings = contents.config
    if GGUF_ADAPTER not in settings:
        if ADAPTER_CONFIG not in files:
            raise MissingAdapterConfig(source=origin.source)
        settings = read_json(files[ADAPTER_CONFIG])
    spoken = in_pefts_words(entries, settings, origin.source)
    if spoken:
        entries, settings = spoken
    base_name = settings.get("base_model_name_or_path")
    return Checkpoint(
        source=origin.source,
        name=origin.name,
        revision=origin.revision,
        config=read_config(files),
        base=declared_base(files, {"_name_or_path": base_name}, origin.name),
        entries=tuple(adapter_entries(entries, settings, origin.source)),
        remote=origin.remote,
        kind="adapter",
    )
