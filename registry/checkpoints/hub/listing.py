"""Models by hub id, through huggingface_hub: pinned to a commit, read there or from the cache."""

import re
import sys
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import huggingface_hub
from huggingface_hub.constants import HF_HUB_ETAG_TIMEOUT
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.utils.tqdm import tqdm as HubBar  # noqa: N812  # a class by its nature

from registry.checkpoints.blob import Blob, Files, LocalBlob
from registry.checkpoints.folder import (
    INDEX,
    folder_of,
    listed,
    only_model,
    weight_files,
    with_siblings,
)
from registry.checkpoints.hub.errors import patiently, translated
from registry.checkpoints.hub.range_reads import RemoteBlob
from registry.checkpoints.local import local_files
from registry.checkpoints.model_card import shards_of
from registry.checkpoints.parallel import side_by_side
from registry.errors import HubFileNotFound, HubOffline, HubUnreachable

BESIDE = ("config.json", "adapter_config.json", "README.md")
COMMIT = re.compile(r"[0-9a-f]{40,64}")


class HubModel(NamedTuple):
    """The files of a hub model at one commit, some of them local."""

    files: Files
    commit: str


class Listing(NamedTuple):
    """A commit, and the names of the files in it."""

    commit: str
    names: list[str]


def open_hub(model: str, revision: str | None, file: str | None = None) -> HubModel:
    """Return the files of a hub model where they lie, in the cache or on the hub; store none.

    Args:
        model: The id, `organisation/name` or `name`.
        revision: A branch, tag or commit; None is the main branch.
        file: The one that is meant; None is the only model that the repository holds.

    Raises:
        CheckpointError: The model is missing, gated, not cached or out of reach; or, before any
            weight is asked for: NoWeights, SeveralCheckpoints, HubFileNotFound.
    """
    with translated(model, revision):
        try:
            listing = list_model(model, revision)
        except OfflineModeIsEnabled:
            return cached(model, revision, file)
        needed = needed_files(model, listing.names, file)
        files = {name: blob(model, listing.commit, name) for name in listing.names}
    side_by_side(prefetch, [files[name] for name in needed])
    return HubModel(files, listing.commit)


def download(model: str, revision: str | None, file: str | None = None) -> HubModel:
    """Keep the weights, config and card of a hub model in the hub cache and return them there.

    Args:
        model: The id, `organisation/name` or `name`.
        revision: A branch, tag or commit; None is the main branch.
        file: The one that is meant; None is the only model that the repository holds.

    Raises:
        CheckpointError: The model is missing, gated or out of reach, or the cache cannot be
            written; or, before any weight is asked for: NoWeights, SeveralCheckpoints,
            HubFileNotFound.
    """
    with translated(model, revision):
        try:
            names = list_model(model, revision).names
        except OfflineModeIsEnabled:
            return cached(model, revision, file)
        needed = needed_files(model, names, file)
        snapshot = kept(model, revision, needed)
        shards = set()
        for name in needed:
            if INDEX.search(name):
                shards |= shards_of(LocalBlob(snapshot / name, name))
        further = sorted(shards.intersection(names).difference(needed))
        if further:  # whose names do not tell
            kept(model, revision, further)
    return HubModel(local_files(snapshot), snapshot.name)


def kept(model: str, revision: str | None, names: list[str]) -> Path:
    """Download files into the cache and return the folder of the snapshot there."""
    # Patterns: a bracket stands for itself in one of its own.
    patterns = [re.sub(r"[\[*?]", r"[\g<0>]", name) for name in names]
    # By the revision, not by the sha: only so the cache knows, once offline, where a branch is.
    snapshot = huggingface_hub.snapshot_download(
        model, revision=revision, allow_patterns=patterns, tqdm_class=TerminalBar
    )
    return Path(snapshot)


class TerminalBar(HubBar):
    """The client's progress bar, on a terminal alone: it also draws one into files."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        if not sys.stderr.isatty():
            options["disable"] = True
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]


def cached(model: str, revision: str | None, file: str | None) -> HubModel:
    """Return the files of a model that an earlier download has left. Raises HubOffline."""
    # No patterns, for `download` leaves most files out on purpose, and the client would miss them.
    snapshot = huggingface_hub.snapshot_download(
        model, revision=revision, local_files_only=True, allow_patterns=[]
    )
    files = local_files(Path(snapshot))
    if not weight_files(files) or (file is not None and file not in files):
        raise HubOffline(model=model)
    return HubModel(files, Path(snapshot).name)


def list_model(model: str, revision: str | None) -> Listing:
    """Return the commit that a revision points to now, and the names of its files."""
    # Without a timeout of its own, this first request would wait forever for a hub that is silent.
    ask = partial(
        huggingface_hub.HfApi().model_info, model, revision=revision, timeout=HF_HUB_ETAG_TIMEOUT
    )
    info = patiently(ask, errors=())
    if not COMMIT.fullmatch(info.sha or ""):
        raise HubUnreachable(model=model, reason="it names no commit")
    return Listing(str(info.sha), [sibling.rfilename for sibling in info.siblings or []])


def needed_files(model: str, names: list[str], file: str | None) -> list[str]:
    """Return those of a model's files that will be read: weights, config and card.

    Config and card may stand in the weights' own folder or in that of the repository.
    """
    chosen = weights(model, names, file)
    beside = []
    for folder in dict.fromkeys(("", folder_of(chosen[0]))):
        paths = [f"{folder}/{name}".lstrip("/") for name in BESIDE]
        beside += [path for path in paths if path in names]
    return chosen + beside


def weights(model: str, names: list[str], file: str | None) -> list[str]:
    """Return the files of the one model that is meant.

    Raises NoWeights, SeveralCheckpoints and HubFileNotFound.
    """
    if file is None:
        chosen = only_model(names, model, separator=":")
        return with_siblings(names, chosen[0]) if chosen[0].endswith(".onnx") else chosen
    if file not in names:
        available = listed(weight_files(names)) or "no weights"
        raise HubFileNotFound(model=model, file=file, files=available)
    return with_siblings(names, file)


def blob(model: str, commit: str, name: str) -> Blob:
    """Return one file: in the cache if it is there, else on the hub."""
    path = huggingface_hub.try_to_load_from_cache(model, name, revision=commit)
    if isinstance(path, str):
        return LocalBlob(Path(path), name)
    url = huggingface_hub.hf_hub_url(model, name, revision=commit)
    return RemoteBlob(url, name, model, commit)


def prefetch(blob: Blob) -> None:
    """Fetch the start of a file that is far away, where the index of its tensors is."""
    if isinstance(blob, RemoteBlob):
        blob.block(0)
