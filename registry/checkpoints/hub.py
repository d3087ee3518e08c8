"""Models by hub id, through huggingface_hub: pinned to a commit, kept in its cache."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from registry.checkpoints.folder import weight_files
from registry.errors import (
    HubAccessDenied,
    HubModelNotFound,
    HubOffline,
    HubRevisionNotFound,
    HubUnreachable,
    SourceNotFound,
)


def download(model: str, revision: str | None) -> tuple[Path, str]:
    """Fetch the weights, config and card of a hub model; returns their folder and the commit sha.

    Raises a CheckpointError that says whether the model is missing, gated, not cached or out of reach.
    """
    with translated(model, revision):
        try:
            info = huggingface_hub.HfApi().model_info(model, revision=revision)
        except OfflineModeIsEnabled:
            folder = Path(huggingface_hub.snapshot_download(model, revision=revision, local_files_only=True))
            return folder, folder.name
        names = [file.rfilename for file in info.siblings or []]
        wanted = [*weight_files(names), *({"config.json", "README.md"} & set(names))]
        folder = Path(huggingface_hub.snapshot_download(model, revision=info.sha, allow_patterns=wanted))
        return folder, info.sha or folder.name


@contextmanager
def translated(model: str, revision: str | None) -> Iterator[None]:
    """The hub client's errors, each as the sentence a user can act on."""
    try:
        yield
    except HFValidationError as exc:
        raise SourceNotFound(source=model) from exc
    except GatedRepoError as exc:
        raise HubAccessDenied(model=model) from exc
    except RepositoryNotFoundError as exc:
        raise HubModelNotFound(model=model) from exc
    except RevisionNotFoundError as exc:
        raise HubRevisionNotFound(model=model, revision=revision) from exc
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as exc:
        raise HubOffline(model=model) from exc
    except OSError as exc:
        raise HubUnreachable(model=model, reason=str(exc).strip().splitlines()[0]) from exc
