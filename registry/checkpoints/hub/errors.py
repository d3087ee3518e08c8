"""Failures of a hub: which are retried, and which error of ours stands for each of the others."""

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
# What the client lets through: its own errors, those of the library below it, and a ValueError
# where an answer is not JSON or an address not a URL.
CLIENT_ERRORS = (HTTP.HTTPError, HTTP.InvalidURL, OSError, ValueError)

PASSING = (408, 429, 500, 502, 503, 504)  # statuses that are retried, as huggingface_hub does
PAUSES = (0, 1, 2, 4, 8)  # seconds before each further attempt, unless the hub asks for more
PATIENCE = 300  # seconds of pauses in all: the length of the hub's rate-limit windows

SERVER_ERRORS = 500
STATUSES: dict[int, type[CheckpointError]] = {
    401: HubLoginNeeded,
    403: HubForbidden,
    429: HubRateLimited,
}
BAD_TOKEN = "Invalid credentials in Authorization header"  # noqa: S105  # the hub's words
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
REASON_LENGTH = 160  # characters


def patiently(
    attempt: Callable[[], T],
    errors: tuple[type[Exception], ...] = (HTTP.TransportError,),
) -> T:
    """Return what `attempt` returns; call it again after a failure that may pass.

    Our own, for huggingface_hub's `http_backoff`, which retries on the same statuses, waits for as
    long as the hub asks (hours, once a rate limit is spent), closes the session that other ranges
    are being read with, and repeats a request whole: `attempt` may go on where an answer was cut.

    Args:
        attempt: Makes one request, or what is left of one.
        errors: What is retried besides answers with a status in PASSING.

    Raises:
        Exception: The last failure: one that does not pass, the one after all of PAUSES, or the
            one before a pause that would exceed PATIENCE.
    """
    retried: tuple[type[Exception], ...] = (HfHubHTTPError, *errors)
    waited = 0.0
    for shortest in PAUSES:
        try:
            return attempt()
        except retried as exc:
            pause = max(shortest, requested_pause(exc))
            if not may_pass(exc) or waited + pause > PATIENCE:
                raise
        waited += pause
        time.sleep(pause)
    return attempt()


def may_pass(error: Exception) -> bool:
    """Return whether another attempt may go better."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in PASSING
    return True


def requested_pause(error: Exception) -> int:
    """Return the seconds that an answer asks to wait, 0 if it asks for none.

    They stand in Retry-After, or as `t` in the RateLimit header of the hub.
    """
    if not isinstance(error, HfHubHTTPError):
        return 0
    headers = error.response.headers
    retry_after = re.fullmatch(r"\d+", headers.get("Retry-After", ""))
    if retry_after:
        return int(retry_after[0])
    spent_window = re.search(r"r=0;t=(\d+)", headers.get("RateLimit", ""))
    if spent_window:
        return int(spent_window[1])
    return 0


@contextmanager
def translated(model: str, revision: str | None) -> Iterator[None]:
    """Raise a CheckpointError that a user can act on for every error of the hub's client."""
    try:
        yield
    except CLIENT_ERRORS as exc:
        raise checkpoint_error(exc, model, revision) from exc


def checkpoint_error(error: BaseException, model: str, revision: str | None) -> CheckpointError:
    """Return the error of ours that stands for one of the client's."""
    while isinstance(error, LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__  # the hub failed half-way, then the cache did not help
    match error:
        case HFValidationError():
            return SourceNotFound(source=model)
        case RevisionNotFoundError():
            return HubRevisionNotFound(model=model, revision=revision or "main")
        case LocalEntryNotFoundError() | OfflineModeIsEnabled():
            return HubOffline(model=model)
        case HfHubHTTPError():
            return error_of_answer(error, model)
        case OSError() if error.filename or error.errno in DISK:
            return HubCacheUnwritable(model=model, reason=reason(error))
        case _:
            return HubUnreachable(model=model, reason=reason(error))


def error_of_answer(error: HfHubHTTPError, model: str) -> CheckpointError:
    """Return the error of ours that stands for an answer with an error status."""
    response = error.response
    if isinstance(error, GatedRepoError):  # which is a RepositoryNotFoundError too
        return HubAccessDenied(model=model)
    if response.headers.get("X-Error-Message") == BAD_TOKEN:
        return HubTokenRefused(model=model)
    if response.status_code in STATUSES:
        return STATUSES[response.status_code](model=model, reason=reason(error))
    if isinstance(error, RepositoryNotFoundError):
        return HubModelNotFound(model=model)
    if response.status_code >= SERVER_ERRORS:
        return HubFailing(model=model, reason=reason(error))
    return HubUnreachable(model=model, reason=reason(error))


def reason(error: BaseException) -> str:
    """Return what the client reports, cut down to what can stand in brackets within a sentence."""
    if isinstance(error, HfHubHTTPError):
        text = reason_of_answer(error)
    elif isinstance(error, JSONDecodeError):
        text = "it answers, but not as a hub does"
    else:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        # Neither its number, nor an aside, nor a second sentence.
        text = re.sub(r"^\[Errno -?\d+\] | \(.*|\. .*", "", lines[0])
    text = re.sub(r"https?://\w\S*", "the hub", text)
    return textwrap.shorten(text.rstrip("."), REASON_LENGTH, placeholder="...")


def reason_of_answer(error: HfHubHTTPError) -> str:
    """Return the status in words, the pause that is asked for, and the hub's first sentence."""
    status = error.response.status_code
    text = f"it answers {status}, {responses.get(status, 'an unknown status').lower()}"
    pause = requested_pause(error)
    if pause:
        text += f", try again in {pause} seconds"
    message = error.response.headers.get("X-Error-Message")
    if message:
        text += f": {message.split('. ')[0]}"
    return text
