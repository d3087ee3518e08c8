"""Models on a hub, read by HTTP range requests where they lie, or kept in the hub's cache."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from registry.checkpoints.folder import listed, only_model, weight_files, with_siblings
from registry.errors import HubFileNotFound, HubSettings

if TYPE_CHECKING:
    from registry.checkpoints.hub.listing import HubModel


def open_model(model: str, revision: str | None, file: str | None, *, download: bool) -> "HubModel":
    """Return the files of a hub model, where they lie or after a download.

    Raises CheckpointError: HubSettings where the client cannot read its environment.
    """
    try:  # the client takes long to import
        from registry.checkpoints.hub import download as downloads  # noqa: PLC0415
        from registry.checkpoints.hub import listing  # noqa: PLC0415
    except ValueError as exc:
        raise HubSettings(reason=exc) from exc
    if download:
        return downloads.download(model, revision, file)
    return listing.open_hub(model, revision, file)


def weights_of(model: str, names: list[str], file: str | None) -> list[str]:
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


def hub_host() -> str:
    """Return the name of the hub's machine. Raises HubSettings."""
    from registry.checkpoints.hub.client import endpoint  # noqa: PLC0415  # takes long to import

    return urlsplit(endpoint()).hostname or ""
