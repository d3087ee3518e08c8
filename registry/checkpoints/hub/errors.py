"""How requests to a hub fail: which failures pass if one waits, and what a user is told of the others."""

import errno
import importlib
import re
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import responses
from json import JSONDecodeError
from typing import Any, TypeVar

from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from registry.errors import (
    CheckpointError,
    HubAccessDenied,
    HubCacheUnwritable,
    HubFailing,
    HubForbidden,
    HubLoginNeeded,
    HubModelNotFound,
    HubOffline,
    HubRateLimited,
    HubRevisionNotFound,
    HubTokenRefused,
    HubUnreachable,
    SourceNotFound,
)

T = TypeVar("T")

# The library below the client is httpx or httpx2, by the client's version.
HTTP: Any = importlib.import_module(HfHubHTTPError.__bases__[0].__module__.split(".")[0])
# What the client lets through: its own errors, those of the library below it, and a ValueError where an answer is no
# JSON or an address none.
CLIENT_ERRORS = (HTTP.HTTPError, HTTP.InvalidURL, OSError, ValueError)

PASSING = (408, 429, 500, 502, 503, 504)  # statuses that may be others in a moment
PAUSES = (0, 1, 2, 4, 8)  # seconds before each further attempt, unless the hub asks for more
PATIENCE = 300  # seconds that all pauses may take; the length of the hub's own windows

SERVER_ERRORS = 500
STATUSES: dict[int, type[CheckpointError]] = {
    401: HubLoginNeeded,
    403: HubForbidden,
    429: HubRateLimited,
}
BAD_TOKEN = "Invalid credentials in Authorization header"  # noqa: S105  # a message of the hub's
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
REASON_LENGTH = 160


def patiently(
    attempt: Callable[[], T], errors: tuple[type[Exception], ...] = (HTTP.TransportError,)
) -> T:
    """What `attempt` returns, tried again after passing statuses and after `errors`. Raises the last error."""
    retried: tuple[type[Exception], ...] = (HfHubHTTPError, *errors)
    waited = 0.0
    for least in PAUSES:
        try:
            return attempt()
        except retried as exc:
            pause = max(least, pause_asked(exc))
            if not passes(exc) or waited + pause > PATIENCE:
                raise
        waited += pause
        time.sleep(pause)
    return attempt()


def passes(error: Exception) -> bool:
    """Whether another attempt may go better."""
    return not isinstance(error, HfHubHTTPError) or error.response.status_code in PASSING


def pause_asked(error: Exception) -> int:
    """Seconds that an answer asks to wait: Retry-After, or the `t` of the hub's own RateLimit header."""
    headers = error.response.headers if isinstance(error, HfHubHTTPError) else {}
    told = re.fullmatch(r"\d+", headers.get("Retry-After", ""))
    window = re.search(r"r=0;t=(\d+)", headers.get("RateLimit", ""))
    return int(told[0]) if told else int(window[1]) if window else 0


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
        case RevisionNotFoundError():
            ours = HubRevisionNotFound(model=model, revision=revision or "main")
        case LocalEntryNotFoundError(__cause__=BaseException() as cause):
            ours = explained(
                cause, model, revision
            )  # the hub failed half-way, then the cache did not help
        case LocalEntryNotFoundError() | OfflineModeIsEnabled():
            ours = HubOffline(model=model)
        case HfHubHTTPError():
            ours = answered(error, model)
        case OSError() if error.filename or error.errno in DISK:
            ours = HubCacheUnwritable(model=model, reason=reason(error))
        case _:
            ours = HubUnreachable(model=model, reason=reason(error))
    return ours


def answered(error: HfHubHTTPError, model: str) -> CheckpointError:
    """The error of ours for an answer of the hub's."""
    status = error.response.status_code
    if isinstance(error, GatedRepoError):  # which is a RepositoryNotFoundError too
        return HubAccessDenied(model=model)
    if error.response.headers.get("X-Error-Message") == BAD_TOKEN:
        return HubTokenRefused(model=model)
    if status in STATUSES:
        return STATUSES[status](model=model, reason=reason(error))
    if isinstance(error, RepositoryNotFoundError):
        return HubModelNotFound(model=model)
    return (HubFailing if status >= SERVER_ERRORS else HubUnreachable)(
        model=model, reason=reason(error)
    )


def reason(error: BaseException) -> str:
    """What the client reports, cut down to what can stand in brackets within a sentence."""
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        text = f"it answers {status}, {responses.get(status, 'an unknown status').lower()}"
        if pause := pause_asked(error):
            text += f", try again in {pause} seconds"
        if said := error.response.headers.get("X-Error-Message"):
            text += f": {said.split('. ')[0]}"
    elif isinstance(error, JSONDecodeError):
        text = "it answers, but not as a hub does"
    else:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        text = re.sub(
            r"^\[Errno -?\d+\] | \(.*|\. .*", "", first
        )  # neither number, aside nor second sentence
    text = re.sub(r"https?://\w\S*", "the hub", text)
    return textwrap.shorten(text.rstrip("."), REASON_LENGTH, placeholder="...")
