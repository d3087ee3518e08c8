"""Which failures of a hub are tried again, after which pauses, and what is said meanwhile."""

import time
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from huggingface_hub.errors import HfHubHTTPError

from registry.checkpoints.hub import limits
from registry.checkpoints.hub.errors import HTTP, reason, requested_pause
from registry.notices import HubRetries, Notice, notify

T = TypeVar("T")

PASSING = (408, 429, 500, 502, 503, 504)  # statuses that are retried, as huggingface_hub does
PAUSES = (0, 1, 2, 4, 8)  # seconds before each further attempt, unless the hub asks for more
PATIENCE = 300  # seconds of pauses in all: the length of the hub's rate-limit windows
QUIET = 10  # seconds between two notices: the parts of a file fail side by side

last_notice = [-float(QUIET)]  # the time of it
LOCK = Lock()


def patiently(
    attempt: Callable[[], T],
    model: str,
    errors: tuple[type[Exception], ...] = (HTTP.TransportError,),
) -> T:
    """Return what `attempt` returns; call it again after a failure that may pass, and say so.

    Our own, for huggingface_hub's `http_backoff`, which retries on the same statuses, waits for as
    long as the hub asks (hours, once a rate limit is spent), closes the session that other ranges
    are being read with, and repeats a request whole: `attempt` may go on where an answer was cut.

    Args:
        attempt: Makes one request, or what is left of one.
        model: What the user is told about.
        errors: What is retried besides answers with a status in PASSING.

    Raises:
        Exception: The last failure: one that does not pass, the one after all of PAUSES, the one
            before a pause that would exceed PATIENCE, or the one with which LOST_SECONDS have gone
            into waiting for answers that did not come.
    """
    retried: tuple[type[Exception], ...] = (HfHubHTTPError, *errors)
    waited = 0.0
    lost = 0.0
    for shortest in PAUSES:
        start = time.monotonic()
        try:
            return attempt()
        except retried as exc:
            pause = max(shortest, requested_pause(exc))
            if isinstance(exc, HTTP.TimeoutException):
                lost += time.monotonic() - start
            if not may_pass(exc) or waited + pause > PATIENCE or lost > limits.LOST_SECONDS:
                raise
            if pause or lost:
                say(HubRetries(model=model, reason=reason(exc), seconds=pause))
        waited += pause
        time.sleep(pause)
    return attempt()


def may_pass(error: Exception) -> bool:
    """Return whether another attempt may go better."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in PASSING
    return True


def say(notice: Notice) -> None:
    """Tell the user, unless something was said QUIET seconds ago or less."""
    with LOCK:
        now = time.monotonic()
        if now - last_notice[0] < QUIET:
            return
        last_notice[0] = now
    notify(notice)
