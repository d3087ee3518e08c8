"""What a user names - a folder, a file, a hub id - becomes a checkpoint."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.checkpoints.adapters import is_adapter, read_adapter
from registry.checkpoints.card import declared_base, read_config, read_json
from registry.checkpoints.entry import Entry
from registry.checkpoints.folder import (
    ADAPTERS,
    INDEX,
    READERS,
    Files,
    local_files,
    open_folder,
    open_index,
    read_blob,
    weight_files,
)
from registry.errors import MissingAdapterConfig, NoWeights, SourceNotFound, UnreadableFile

ADAPTER_CONFIG = "adapter_config.json"
HUB_ID = re.compile(r"(?P<model>[\w][\w.-]*(?:/[\w][\w.-]*)?)(?:@(?P<revision>[\w./-]+))?")


@dataclass(frozen=True)
class Checkpoint:
    """A model that has been found but not read: the index of its tensors and what stands beside them.

    kind: 'model' or 'adapter'; an adapter's entries are its updates, under the names of the weights that they change.
    """

    source: str
    name: str
    revision: str | None
    config: dict[str, Any]
    base: str | None
    entries: tuple[Entry, ...]
    kind: str = "model"


def open_checkpoint(source: str | Path) -> Checkpoint:
    """Index a folder, a file or `hub/id[@revision]`. Raises CheckpointError."""
    if not str(source).strip():
        raise SourceNotFound(source=str(source))
    path = Path(source).expanduser()
    try:
        if path.is_dir():
            return from_files(str(source), path.resolve().name, None, local_files(path))
        if path.exists():
            return from_file(str(source), path)
    except OSError as exc:
        raise UnreadableFile(path=str(source), reason=exc.strerror or exc) from exc
    return from_hub(str(source))


def from_files(source: str, name: str, revision: str | None, files: Files) -> Checkpoint:
    """The checkpoint that a folder's files make up, called `name`."""
    return described(source, name, revision, files, open_folder(files, source))


def described(source: str, name: str, revision: str | None, files: Files, entries: list[Entry]) -> Checkpoint:
    """Tensors with what stands beside them; an adapter's become its updates. Raises MissingAdapterConfig."""
    config = read_config(files)
    configured = ADAPTER_CONFIG in files
    alone = configured and set(weight_files(files)) <= set(ADAPTERS)  # of whatever method
    if not alone and not is_adapter(entries, configured=configured):
        return Checkpoint(source, name, revision, config, declared_base(files, config), tuple(entries))
    if not configured:
        raise MissingAdapterConfig(source=source)
    settings = read_json(files[ADAPTER_CONFIG])
    base = declared_base(files, {"_name_or_path": settings.get("base_model_name_or_path")})
    updates = read_adapter(entries, settings, source)
    return Checkpoint(source, name, revision, config, base, tuple(updates), "adapter")


def from_file(source: str, path: Path) -> Checkpoint:
    """A single file is called by its folder too: half the world's checkpoints are named model.pt."""
    whole = path.resolve().parent / path.name  # a cached file is a link to a blob without a name
    files = local_files(path.parent)
    if path.name.endswith(INDEX):
        entries = open_index(files, files[path.name])
    elif path.suffix in READERS:
        entries = read_blob(files[path.name])
    else:
        raise NoWeights(source=source)
    return described(source, f"{whole.parent.name}/{whole.name}".lstrip("/"), None, files, entries)


def from_hub(source: str) -> Checkpoint:
    """A model of the hub, at the commit that the revision points to now."""
    from registry.checkpoints.hub import download  # noqa: PLC0415  # the client takes long to import

    match = HUB_ID.fullmatch(source)
    if match is None:
        raise SourceNotFound(source=source)
    folder, sha = download(match["model"], match["revision"])
    return from_files(source, source, sha, local_files(folder))
