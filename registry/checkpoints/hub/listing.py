"""Models by hub id, through huggingface_hub: pinned to a commit, read where they lie or kept in its cache."""

import re
from pathlib import Path

import huggingface_hub
from huggingface_hub.constants import HF_HUB_ETAG_TIMEOUT
from huggingface_hub.errors import OfflineModeIsEnabled

from registry.checkpoints.blob import Blob, LocalBlob
from registry.checkpoints.folder import (
    Files,
    listed,
    local_files,
    only_model,
    weight_files,
    with_siblings,
)
from registry.checkpoints.hub.errors import patiently, translated
from registry.checkpoints.hub.range_reads import RemoteBlob
from registry.checkpoints.parallel import side_by_side
from registry.errors import HubFileNotFound, HubOffline, HubUnreachable

BESIDE = ("config.json", "adapter_config.json", "README.md")
COMMIT = re.compile(r"[0-9a-f]{40,64}")


def open_hub(model: str, revision: str | None, file: str | None = None) -> tuple[Files, str]:
    """The files of a hub model and its commit sha; nothing is stored, and a file that the cache has is read there.

    file: the one that is meant. Raises a CheckpointError that says whether the model is missing, gated, not cached or
    out of reach, and NoWeights, SeveralCheckpoints and HubFileNotFound before any weight is asked for.
    """
    with translated(model, revision):
        try:
            sha, names = listing(model, revision)
        except OfflineModeIsEnabled:
            return cached(model, revision, file)
        chosen = wanted(model, names, file)
        files = {name: blob(model, sha, name) for name in names}
    side_by_side(prefetch, [files[name] for name in chosen])
    return files, sha


def download(model: str, revision: str | None, file: str | None = None) -> tuple[Files, str]:
    """As `open_hub`, but the weights, config and card are kept in the hub cache and read there."""
    with translated(model, revision):
        try:
            _, names = listing(model, revision)
        except OfflineModeIsEnabled:
            return cached(model, revision, file)
        chosen = wanted(model, names, file)
        # By the revision, not by the sha: only so the cache knows, once offline, where a branch stands.
        found = huggingface_hub.snapshot_download(model, revision=revision, allow_patterns=chosen)
    return local_files(Path(found)), Path(found).name


def cached(model: str, revision: str | None, file: str | None) -> tuple[Files, str]:
    """The files and commit sha of a model that an earlier download has left. Raises HubOffline."""
    # No patterns, for `download` leaves most files out on purpose, and the client would miss them.
    found = huggingface_hub.snapshot_download(
        model, revision=revision, local_files_only=True, allow_patterns=[]
    )
    files = local_files(Path(found))
    if not weight_files(files) or (file is not None and file not in files):
        raise HubOffline(model=model)
    return files, Path(found).name


def listing(model: str, revision: str | None) -> tuple[str, list[str]]:
    """The commit that a revision points to now, and the names of its files."""
    # Without a timeout of its own, this first request would wait forever for a hub that is silent.
    api = huggingface_hub.HfApi()
    info = patiently(
        lambda: api.model_info(model, revision=revision, timeout=HF_HUB_ETAG_TIMEOUT), errors=()
    )
    if not COMMIT.fullmatch(info.sha or ""):
        raise HubUnreachable(model=model, reason="it names no commit")
    return str(info.sha), [file.rfilename for file in info.siblings or []]


def wanted(model: str, names: list[str], file: str | None) -> list[str]:
    """Those of a model's files that will be read."""
    return [*weights(model, names, file), *(name for name in BESIDE if name in names)]


def weights(model: str, names: list[str], file: str | None) -> list[str]:
    """The files of the one model that is meant. Raises NoWeights, SeveralCheckpoints and HubFileNotFound."""
    if file is None:
        return only_model(names, model, separator=":")
    if file not in names:
        raise HubFileNotFound(
            model=model, file=file, files=listed(weight_files(names)) or "no weights"
        )
    return with_siblings(names, file)


def blob(model: str, sha: str, name: str) -> Blob:
    """One file: in the cache if it is there, else on the hub."""
    path = huggingface_hub.try_to_load_from_cache(model, name, revision=sha)
    if isinstance(path, str):
        return LocalBlob(Path(path), name)
    return RemoteBlob(huggingface_hub.hf_hub_url(model, name, revision=sha), name, model, sha)


def prefetch(blob: Blob) -> None:
    """Fetch the start of a file that is far away, where the index of its tensors is."""
    if isinstance(blob, RemoteBlob):
        blob.block(0)
