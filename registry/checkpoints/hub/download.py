"""Keeping a hub model in the cache of huggingface_hub, by its own download under our rules."""

import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from logging import ERROR
from pathlib import Path
from time import monotonic
from typing import Any

import huggingface_hub
from huggingface_hub import constants, set_client_factory
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import _http, logging
from huggingface_hub.utils.tqdm import tqdm as HubBar  # noqa: N812  # a class by its nature

from registry import settings
from registry.checkpoints.blob import LocalBlob
from registry.checkpoints.hub import limits
from registry.checkpoints.hub.client import hub_headers
from registry.checkpoints.hub.errors import HTTP, reason, requested_pause, translated
from registry.checkpoints.hub.exchange import Refused, always, exchange
from registry.checkpoints.hub.listing import (
    HubModel,
    cached,
    further_shards,
    list_model,
    needed_files,
)
from registry.checkpoints.hub.patience import PASSING, PATIENCE, say
from registry.checkpoints.hub.place import check_json
from registry.checkpoints.hub.range_request import PARTIAL, WHOLE, Version, version_of
from registry.checkpoints.local import local_files
from registry.errors import HubFileDamaged, HubUnreachable
from registry.legible import glimpse
from registry.notices import HubRetries
from registry.settings import LogFormat

LONGEST_TITLE = 40  # characters of a bar's title
RANGE = re.compile(r"bytes=([0-9]+)-[0-9]*")
GIT_ID = re.compile(r"[0-9a-f]{40}")
SHA_256 = re.compile(r"[0-9a-f]{64}")


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
            listing = list_model(model, revision)
        except OfflineModeIsEnabled:
            return cached(model, revision, file)
        needed = needed_files(model, listing.names, file)
        hub_headers()  # a token that cannot be sent is refused before the client words that
        with guarded(model):
            snapshot = kept(model, listing.commit, needed)
            files = {name: LocalBlob(snapshot / name, name) for name in listing.names}
            kept(model, listing.commit, further_shards(model, files, needed))
        note(snapshot, revision or constants.DEFAULT_REVISION)
    return HubModel(local_files(snapshot), snapshot.name)


def kept(model: str, commit: str, names: list[str]) -> Path:
    """Download files into the cache and return the folder of the snapshot there.

    One after the other, so that no thread is at work when the client's own rules are back. Raises
    HubFileDamaged and the client's errors.
    """
    snapshot = Path()
    for name in names:
        former = huggingface_hub.try_to_load_from_cache(model, name, revision=commit)
        file = huggingface_hub.hf_hub_download(model, name, revision=commit, tqdm_class=TerminalBar)
        path = Path(file)
        snapshot = path.parents[name.count("/")]
        if snapshot.name != commit:
            raise HubUnreachable(model=model, reason="it answers with another commit")
        check_json(name, f"{model}/{name}", path.stat().st_size)
        if not isinstance(former, str):
            check_content(path, f"{model}/{name}")
    return snapshot


def check_content(path: Path, label: str) -> None:
    """Compare a file that was just fetched with what the hub calls it, and remove it if it differs.

    In the cache a file is a link to its content, under the name that the hub gave: the SHA-256 of a
    large file, git's id of a small one. Other servers call them by the SHA-1. Raises
    HubFileDamaged.
    """
    if not path.is_symlink():
        return
    blob = path.parent / path.readlink()
    name = blob.name
    if SHA_256.fullmatch(name):
        is_right = name == digest(blob, hashlib.sha256())
    elif GIT_ID.fullmatch(name):
        header = hashlib.sha1(b"blob %d\0" % blob.stat().st_size, usedforsecurity=False)
        plain = hashlib.sha1(usedforsecurity=False)
        is_right = name in (digest(blob, header), digest(blob, plain))
    else:
        return
    if not is_right:
        path.unlink()
        blob.unlink()
        raise HubFileDamaged(path=label, reason=f"its digest is not {name}")


def digest(path: Path, state: Any) -> str:
    """Return a digest, begun or not, over all of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: state).hexdigest()


def note(snapshot: Path, revision: str) -> None:
    """Note in the cache where a branch or tag is: without the hub that is not known otherwise."""
    place = snapshot.parent.parent / "refs" / revision
    if revision == snapshot.name or ".." in place.parts:
        return
    # A cache that is mounted read-only serves all the same.
    with suppress(OSError):
        if not place.is_file() or place.read_text(encoding="ascii") != snapshot.name:
            place.parent.mkdir(parents=True, exist_ok=True)
            draft = place.with_name(f".{place.name}.{os.getpid()}")
            draft.write_text(snapshot.name, encoding="ascii")
            draft.replace(place)


class TerminalBar(HubBar):
    """The client's progress bar, on a terminal alone: it also draws one into files."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        if not sys.stderr.isatty() or settings.PROGRAM.log_format is LogFormat.JSON:
            options["disable"] = True
        if options.get("desc"):  # the name of a file, as the hub has it
            options["desc"] = glimpse(str(options["desc"]), LONGEST_TITLE)
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]


@contextmanager
def guarded(model: str) -> Iterator[None]:
    """Let every request of huggingface_hub go through `exchange`, and what it logs be ours to say.

    It has no public way to ask for the factory that is in use; that one is put back.
    """
    former = _http._GLOBAL_CLIENT_FACTORY  # noqa: SLF001
    verbosity = logging.get_verbosity()
    set_client_factory(lambda: guard(former(), model))
    logging.set_verbosity(ERROR)
    try:
        yield
    finally:
        set_client_factory(former)
        logging.set_verbosity(verbosity)


def guard(client: Any, model: str) -> Any:
    """Make a client send its requests by `exchange`, and give up where it would go on for long."""
    client.send = Guard(model, client.send)
    return client


class Guard:
    """The way to send a request in place of a client's own.

    huggingface_hub waits for as long as a hub asks, and seven times for one that is silent, a
    minute each.
    """

    def __init__(self, model: str, send: Callable[..., Any]) -> None:
        self.model = model
        self.send = send
        self.asked: set[tuple[str, str]] = set()
        self.versions: dict[str, Version] = {}  # that the first answers were from, by address
        self.waited = 0  # seconds, as the hub asked to
        self.lost = 0.0  # seconds without an answer

    def __call__(self, request: Any, *, stream: bool = False, **options: Any) -> Any:
        """Return the answer to a request. Raises the client's errors."""
        timeouts = request.extensions.get("timeout", {})
        longest = constants.HF_HUB_DOWNLOAD_TIMEOUT
        for kind, timeout in timeouts.items():
            timeouts[kind] = min(timeout or longest, longest)
        again = (request.method, str(request.url))
        if stream and again in self.asked:
            self.say("an answer ended early", 0)
        self.asked.add(again)

        follow = never if options.get("follow_redirects") is False else always
        began = monotonic()
        try:
            answer = exchange(request, stream=stream, follow=follow, send=self.send)
        except HTTP.TimeoutException as exc:
            self.lost += monotonic() - began
            if self.lost > limits.LOST_SECONDS:
                raise Refused(str(exc)) from exc
            self.say(reason(exc), 0)
            raise
        if stream:
            self.check(request, answer)
        if answer.status_code in PASSING:
            self.note_pause(HfHubHTTPError("", response=answer))
        return answer

    def check(self, request: Any, answer: Any) -> None:
        """Raise Refused where a download would go on with other bytes than it began with."""
        if answer.status_code not in (WHOLE, PARTIAL):
            return
        version = version_of(answer)
        first = self.versions.setdefault(str(request.url), version)
        if version.differs(first):
            raise Refused(f"the file changed while it was fetched, it was {first}, it is {version}")
        asked = RANGE.fullmatch(request.headers.get("range", "bytes=0-"))
        sent = answer.headers.get("Content-Range", "")
        if answer.status_code == PARTIAL and not (asked and sent.startswith(f"bytes {asked[1]}-")):
            raise Refused("it sends another range than was asked for")

    def note_pause(self, error: HfHubHTTPError) -> None:
        """Tell the user why the client waits. Raises the error where that would be for long."""
        pause = requested_pause(error)
        self.waited += pause
        if self.waited > PATIENCE:
            raise error
        self.say(reason(error), pause)

    def say(self, why: str, pause: int) -> None:
        """Tell the user that the client tries again."""
        say(HubRetries(model=self.model, reason=why, seconds=pause))


def never(_: Any) -> bool:
    """Follow no redirect."""
    return False
