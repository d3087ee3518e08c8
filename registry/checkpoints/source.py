"""What a user names - a folder, a file, a hub id - becomes a checkpoint."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from registry.checkpoints.blob import LocalBlob
from registry.checkpoints.folder import (
    ADAPTERS,
    Files,
    local_files,
    open_file,
    open_folder,
    weight_files,
)
from registry.checkpoints.model_card import declared_base, read_config, read_json
from registry.checkpoints.peft.adapter import is_adapter, read_adapter
from registry.checkpoints.quantised import dequantised
from registry.checkpoints.tensors import Contents, Entry
from registry.errors import MissingAdapterConfig, SourceNotFound, UnreadableFile

ADAPTER_CONFIG = "adapter_config.json"
HUB_ID = re.compile(
    r"(?P<model>[\w][\w.-]*(?:/[\w][\w.-]*)?)(?:@(?P<revision>[\w./-]+))?(?::(?P<file>[\w.][\w./+ -]*))?"
)


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
    remote: bool = False  # whether loading a tensor waits for a network
    kind: str = "model"

    @property
    def architecture(self) -> str | None:
        """What the config calls the architecture; it proves nothing."""
        names = self.config.get("architectures")
        told = names[0] if isinstance(names, list) and names else self.config.get("model_type")
        return told if isinstance(told, str) else None


def open_checkpoint(source: str | Path, *, download: bool = False) -> Checkpoint:
    """Index a folder, a file or `hub/id[@revision][:file]`. Raises CheckpointError.

    download: keep a hub model in the hub cache instead of reading it over the network.
    """
    if not str(source).strip():
        raise SourceNotFound(source=str(source))
    path = Path(source).expanduser()
    try:
        if path.is_dir():
            files = local_files(path)
            return described(
                str(source), path.resolve().name, None, files, open_folder(files, str(source))
            )
        if path.exists():
            return from_file(str(source), path)
    except OSError as exc:
        raise UnreadableFile(path=str(source), reason=exc.strerror or exc) from exc
    return from_hub(str(source), download=download)


def from_file(source: str, path: Path) -> Checkpoint:
    """A single file is called by its folder too: half the world's checkpoints are named model.pt."""
    whole = path.resolve().parent / path.name  # a cached file is a link to a blob without a name
    files = local_files(path.parent, 0)
    contents = open_file(files, path.name, source)
    return described(source, f"{whole.parent.name}/{whole.name}".lstrip("/"), None, files, contents)


def described(
    source: str, name: str, revision: str | None, files: Files, contents: Contents
) -> Checkpoint:
    """Tensors with what stands beside them: quantised ones joined into what they stand for, an adapter's into updates.

    Raises MissingAdapterConfig.
    """
    configured = ADAPTER_CONFIG in files
    alone = configured and set(weight_files(files)) <= set(ADAPTERS)  # of whatever method
    if not alone and not is_adapter(contents.entries, configured=configured):
        config = read_config(files) or contents.config
        entries = tuple(dequantised(contents.entries, config))
        return Checkpoint(source, name, revision, config, declared_base(files, config), entries)
    if not configured:
        raise MissingAdapterConfig(source=source)
    settings = read_json(files[ADAPTER_CONFIG])
    base = declared_base(files, {"_name_or_path": settings.get("base_model_name_or_path")})
    updates = tuple(read_adapter(contents.entries, settings, source))
    return Checkpoint(source, name, revision, read_config(files), base, updates, kind="adapter")


def from_hub(source: str, *, download: bool) -> Checkpoint:
    """A model of the hub, at the commit that the revision points to now."""
    from registry.checkpoints.hub import listing  # noqa: PLC0415  # the client takes long to import

    match = HUB_ID.fullmatch(source)
    if match is None:
        raise SourceNotFound(source=source)
    model, revision, file = match["model"], match["revision"], match["file"]
    files, sha = (listing.download if download else listing.open_hub)(model, revision, file)
    weights = listing.weights(model, list(files), file)
    contents = open_file(files, file, source) if file else open_folder(files, source)
    remote = not all(isinstance(files[name], LocalBlob) for name in weights)
    return replace(described(source, source, sha, files, contents), remote=remote)
