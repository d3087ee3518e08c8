"""Failures of a hub: which error of ours stands for each of its client's."""

import errno
import importlib
import math
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import responses
from json import JSONDecodeError
from typing import Any

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

# The library below the client is httpx or httpx2, by the client's version.
HTTP: Any = importlib.import_module(HfHubHTTPError.__bases__[0].__module__.split(".")[0])
# What the client lets through: its own errors, those of the library below it, and a ValueError
# where an answer is not JSON or an address not a URL.
CLIENT_ERRORS = (HTTP.HTTPError, HTTP.InvalidURL, OSError, ValueError)

SERVER_ERRORS = 500
STATUSES: dict[int, type[CheckpointError]] = {
    401: HubLoginNeeded,
    403: HubForbidden,
    429: HubRateLimited,
}
BAD_TOKEN = "Invalid credentials in Authorization header"  # noqa: S105  # the hub's words
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
REASON_LENGTH = 160  # characters
LONGEST = 10**9  # seconds of a pause, 31 years


def requested_pause(error: Exception) -> int:
    """Return the seconds that an answer asks to wait, 0 if it asks for none.

    They stand in Retry-After, as a number or a date, or as `t` in the RateLimit header of the hub.
    """
    if not isinstance(error, HfHubHTTPError):
        return 0
    headers = error.response.headers
    retry_after = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]+", retry_after):
        return seconds(retry_after)
    if retry_after:
        return seconds_until(retry_after)
    spent_window = re.search(r"r=0;t=([0-9]+)", headers.get("RateLimit", ""))
    if spent_window:
        return seconds(spent_window[1])
    return 0


def seconds(digits: str) -> int:
    """Return a number of seconds; any that is absurd as the longest."""
    if len(digits) >= len(str(LONGEST)):
        return LONGEST
    return int(digits)


def seconds_until(date: str) -> int:
    """Return the seconds until an HTTP date, 0 for one that has passed or is none."""
    try:
        then = parsedate_to_datetime(date)
        left = then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)
    except (ValueError, OverflowError, TypeError):
        return 0
    return min(LONGEST, max(0, math.ceil(left.total_seconds())))


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
    text = re.sub(r" URL\('.*", "", text)  # as the client shows an object
    text = re.sub(r"(https?://\w|\w+://[^\s'])\S*", "the hub", text)
    text = "".join(character if character.isprintable() else " " for character in text)
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
