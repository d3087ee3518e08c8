"""Models by hub id: pinned to a commit, and read there or from the cache of huggingface_hub."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import huggingface_hub
from huggingface_hub import constants
from huggingface_hub.constants import HF_HUB_ETAG_TIMEOUT
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # public, but not marked so
    hf_raise_for_status,
    validate_repo_id,
)

from registry.checkpoints.blob import Blob, Files, LocalBlob
from registry.checkpoints.folder import INDEX, SUFFIXES, folder_of, weight_files
from registry.checkpoints.hub import limits, weights_of
from registry.checkpoints.hub.client import endpoint, hub_headers, session
from registry.checkpoints.hub.errors import translated
from registry.checkpoints.hub.exchange import exchange
from registry.checkpoints.hub.patience import patiently
from registry.checkpoints.hub.range_reads import RemoteBlob
from registry.checkpoints.local import local_files
from registry.checkpoints.model_card import shards_of
from registry.checkpoints.parallel import side_by_side
from registry.errors import HubListRefused, HubOffline, HubTooManyFiles, HubUnreachable

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
        files = blobs(model, listing)
    prefetch(files[needed[0]])  # alone: an index, or a shard that may be no such file
    if sum(name.endswith(SUFFIXES) for name in files) > limits.WEIGHT_FILES:
        further_shards(model, files, needed)  # which are counted before any is asked for
    side_by_side(prefetch, [files[name] for name in needed[1:]])
    return HubModel(files, listing.commit)


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
    """Return the commit that a revision points to now, and the names of its files.

    Our own, for huggingface_hub's `model_info`, which reads an answer of any size and believes what
    stands in it. Raises HubListRefused, HubUnreachable and the client's errors.
    """
    validate_repo_id(model)
    content = patiently(partial(ask_for_list, model, revision), model, errors=())
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError) as exc:
        raise HubUnreachable(model=model, reason="it answers, but not as a hub does") from exc
    commit = answer.get("sha") if isinstance(answer, dict) else None
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
        raise HubUnreachable(model=model, reason="it names no commit")
    return Listing(commit, names_in(answer, model))


def ask_for_list(model: str, revision: str | None) -> bytes:
    """Return the hub's description of a model, as it comes."""
    url = f"{endpoint()}/api/models/{model}"
    if revision is not None:
        url += f"/revision/{quote(revision, safe='')}"
    # Without a timeout of its own, this first request would wait forever for a hub that is silent.
    timeout = HF_HUB_ETAG_TIMEOUT
    request = session().build_request("GET", url, headers=hub_headers(), timeout=timeout)
    answer = exchange(request)
    hf_raise_for_status(answer)
    content: bytes = answer.content
    return content


def names_in(answer: dict[str, Any], model: str) -> list[str]:
    """Return the names of the files in the hub's description of a model. Raises HubListRefused."""
    siblings = answer.get("siblings")
    if siblings is None:
        return []
    if not isinstance(siblings, list):
        raise HubListRefused(model=model, reason="it is no list")
    if len(siblings) > limits.LIST_NAMES:
        raise HubListRefused(model=model, reason=f"it has {len(siblings):,} names")
    names = []
    for sibling in siblings:
        name = sibling.get("rfilename") if isinstance(sibling, dict) else None
        if not isinstance(name, str) or not is_possible(name):
            reason = f"{str(name)[:40]!r} is no name of a file"
            raise HubListRefused(model=model, reason=reason)
        names.append(name)
    return list(dict.fromkeys(names))


def is_possible(name: str) -> bool:
    """Return whether a file of a repository may be called so: a plain path within it, of text."""
    if not 0 < len(name) <= limits.NAME_LENGTH or "\x00" in name or not is_unicode(name):
        return False
    parts = name.split("/")
    return not {"", ".", ".."}.intersection(parts)


def is_unicode(text: str) -> bool:
    """Return whether a text can be encoded: JSON may hold one half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def needed_files(model: str, names: list[str], file: str | None) -> list[str]:
    """Return those of a model's files that will be read: weights, config and card.

    Config and card may stand in the weights' own folder or in that of the repository.
    """
    chosen = weights_of(model, names, file)
    if len(chosen) > limits.WEIGHT_FILES:
        raise HubTooManyFiles(model=model, count=len(chosen), limit=limits.WEIGHT_FILES)
    beside = []
    for folder in dict.fromkeys(("", folder_of(chosen[0]))):
        paths = [f"{folder}/{name}".lstrip("/") for name in BESIDE]
        beside += [path for path in paths if path in names]
    return chosen + beside


def blobs(model: str, listing: Listing) -> dict[str, Blob]:
    """Return the files of a model, each in the cache if it is there, else on the hub.

    By hand, because huggingface_hub checks the id anew for each name, of which there may be many.
    """
    folder = f"models--{model.replace('/', '--')}"
    snapshot = Path(constants.HF_HUB_CACHE, folder, "snapshots", listing.commit)
    is_cached = snapshot.is_dir()
    address = f"{endpoint()}/{model}/resolve/{listing.commit}"
    files: dict[str, Blob] = {}
    for name in listing.names:
        if is_cached and (snapshot / name).is_file():
            files[name] = LocalBlob(snapshot / name, name)
        else:
            url = f"{address}/{quote(name)}"
            files[name] = RemoteBlob(url, name, model, listing.commit)
    return files


def further_shards(model: str, files: Files, needed: list[str]) -> list[str]:
    """Return the shards that an index names and that are not needed by their own names.

    Raises BrokenJSON, HubTooManyFiles.
    """
    shards: set[str] = set()
    for name in needed:
        if INDEX.search(name):
            shards |= shards_of(files[name])
    further = sorted(shards.intersection(files).difference(needed))
    if len(further) > limits.WEIGHT_FILES:
        raise HubTooManyFiles(model=model, count=len(further), limit=limits.WEIGHT_FILES)
    return further


def prefetch(blob: Blob) -> None:
    """Fetch the start of a file that is far away, where the index of its tensors is."""
    if isinstance(blob, RemoteBlob):
        blob.block(0)
