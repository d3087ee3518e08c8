"""Models by hub id, through huggingface_hub: pinned to a commit, kept in its cache."""

import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import responses
from json import JSONDecodeError
from pathlib import Path
from typing import cast

import huggingface_hub
from huggingface_hub.constants import HF_HUB_ETAG_TIMEOUT
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from registry.checkpoints.folder import weight_files
from registry.errors import (
    CheckpointError,
    HubAccessDenied,
    HubModelNotFound,
    HubOffline,
    HubRevisionNotFound,
    HubUnreachable,
    NoWeights,
    SourceNotFound,
)

# What the client lets through: its own errors, those of the HTTP library below it (requests, httpx or httpx2,
# by version) and a ValueError where an answer is no JSON.
CLIENT_ERRORS = cast("tuple[type[Exception], ...]", (*HfHubHTTPError.__bases__, OSError, ValueError))
UNAUTHORIZED = 401
REASON_LENGTH = 160


def download(model: str, revision: str | None) -> tuple[Path, str]:
    """Fetch the weights, config and card of a hub model; returns their folder and the commit sha.

    Raises a CheckpointError that says whether the model is missing, gated, not cached or out of reach.
    """
    with translated(model, revision):
        try:
            # Without a timeout of its own, this first request would wait forever for a hub that is silent.
            info = huggingface_hub.HfApi().model_info(model, revision=revision, timeout=HF_HUB_ETAG_TIMEOUT)
        except OfflineModeIsEnabled:
            return cached(model, revision)
        names = [file.rfilename for file in info.siblings or []]
        weights = weight_files(names)
        if not weights:
            raise NoWeights(source=model)
        wanted = [*weights, *({"config.json", "adapter_config.json", "README.md"} & set(names))]
        # By the revision, not by info.sha: only so the cache knows, once offline, where a branch stands.
        folder = Path(huggingface_hub.snapshot_download(model, revision=revision, allow_patterns=wanted))
        return folder, folder.name


def cached(model: str, revision: str | None) -> tuple[Path, str]:
    """The folder and commit sha of a model that an earlier download has left. Raises HubOffline."""
    # No patterns, for `download` leaves most files out on purpose, and the client would miss them.
    found = huggingface_hub.snapshot_download(model, revision=revision, local_files_only=True, allow_patterns=[])
    folder = Path(found)
    if not weight_files(path.name for path in folder.iterdir()):
        raise HubOffline(model=model)
    return folder, folder.name


@contextmanager
def translated(model: str, revision: str | None) -> Iterator[None]:
    """The hub client's errors, each as the sentence a user can act on."""
    try:
        yield
    except CLIENT_ERRORS as exc:
        raise explained(exc, model, revision) from exc


def explained(error: BaseException, model: str, revision: str | None) -> CheckpointError:
    """The error of ours for one of the client's."""
    match error:
        case HFValidationError():
            ours: CheckpointError = SourceNotFound(source=model)
        case GatedRepoError():  # which is a RepositoryNotFoundError too
            ours = HubAccessDenied(model=model)
        case RepositoryNotFoundError():
            ours = HubModelNotFound(model=model)
        case RevisionNotFoundError():
            ours = HubRevisionNotFound(model=model, revision=revision or "main")
        case LocalEntryNotFoundError(__cause__=BaseException() as cause):
            ours = explained(cause, model, revision)  # the hub failed half-way, then the cache did not help
        case LocalEntryNotFoundError() | OfflineModeIsEnabled():
            ours = HubOffline(model=model)
        case HfHubHTTPError() if error.response.status_code == UNAUTHORIZED:
            ours = HubModelNotFound(model=model)
        case _:
            ours = HubUnreachable(model=model, reason=reason(error))
    return ours


def reason(error: BaseException) -> str:
    """What the client reports, cut down to what can stand in brackets within a sentence."""
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        text = f"it answers {status}, {responses.get(status, 'an unknown status').lower()}"
        if said := error.response.headers.get("X-Error-Message"):
            text += f": {said.split('. ')[0]}"
    elif isinstance(error, JSONDecodeError):
        text = "it answers, but not as a hub does"
    else:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        text = re.sub(r"^\[Errno -?\d+\] | \(.*|\. .*", "", first)  # neither number, aside nor second sentence
    text = re.sub(r"https?://\w\S*", "the hub", text)
    return textwrap.shorten(text.rstrip("."), REASON_LENGTH, placeholder="...")
