"""registry.checkpoints.hub.errors: the sentences, and what is tried again."""

import errno

import pytest

from registry.checkpoints.hub import patience
from registry.checkpoints.hub.errors import (
    HTTP,
    HfHubHTTPError,
    reason,
    requested_pause,
    translated,
)
from registry.checkpoints.hub.patience import PASSING, PATIENCE, PAUSES, patiently
from registry.errors import HubCacheUnwritable


def answer(status: int, **headers: str) -> HfHubHTTPError:
    """The client's error for an answer."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = HTTP.Request("GET", "http://127.0.0.1/")
    return HfHubHTTPError("", response=HTTP.Response(status, headers=names, request=request))


@pytest.fixture
def pauses(monkeypatch) -> list[float]:
    """The pauses that were to be made."""
    made: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", made.append)
    return made


def failing(*failures: Exception):
    """An attempt that fails as given, then succeeds."""
    left = list(failures)

    def attempt() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return attempt


@pytest.mark.parametrize("status", PASSING)
def test_passing_statuses_are_tried_again(pauses, status):
    """After each pause, as often as there are pauses."""
    assert patiently(failing(*[answer(status)] * len(PAUSES)), "org/model") == "done"
    assert pauses == list(PAUSES)


def test_the_last_failure_is_raised(pauses):
    """One attempt more than there are pauses."""
    failures = [answer(503, number=str(i)) for i in range(len(PAUSES) + 1)]
    with pytest.raises(HfHubHTTPError, match="^$") as caught:
        patiently(failing(*failures), "org/model")
    assert caught.value is failures[-1]
    assert len(pauses) == len(PAUSES)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 416, 501])
def test_other_statuses_are_not(pauses, status):
    """They would be the same in a moment."""
    with pytest.raises(HfHubHTTPError, match="^$"):
        patiently(failing(answer(status)), "org/model")
    assert pauses == []


def test_failed_connections_are_tried_again_where_that_is_wanted(pauses):
    """A refused connection passes for a range, and not for the first request to a hub."""
    assert patiently(failing(HTTP.ConnectError("no")), "org/model") == "done"
    with pytest.raises(HTTP.ConnectError, match="no"):
        patiently(failing(HTTP.ConnectError("no")), "org/model", errors=())
    assert pauses == [0]


def test_the_hub_is_waited_for_as_long_as_it_asks(pauses):
    """Within PATIENCE in all."""
    asked = str(PATIENCE // 2)
    with pytest.raises(HfHubHTTPError, match="^$"):
        patiently(failing(*[answer(429, Retry_After=asked)] * 3), "org/model")
    assert pauses == [PATIENCE // 2] * 2


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (answer(429), 0),
        (answer(429, Retry_After="7"), 7),
        (answer(503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"), 0),
        (answer(429, RateLimit='"resolvers";r=0;t=120'), 120),
        (answer(429, RateLimit='"resolvers";r=5;t=120'), 0),
        (OSError("no"), 0),
    ],
    ids=["nothing", "seconds", "date", "spent window", "open window", "no answer"],
)
def test_the_pause_that_an_answer_asks_for(error, seconds):
    """In Retry-After, or in the hub's own header where its window is spent."""
    assert requested_pause(error) == seconds


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "(No space left on device)"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/cache/models--org--model"),
            "(Permission denied:",
        ),
        (
            NotADirectoryError(errno.ENOTDIR, "Not a directory", "/cache"),
            "(Not a directory: '/cache')",
        ),
    ],
    ids=["full", "forbidden", "no folder"],
)
def test_a_cache_that_cannot_be_written(error, told):
    """It is told apart from a hub that is out of reach."""
    with (
        pytest.raises(HubCacheUnwritable, match=r"make room there, set HF_HOME") as caught,
        translated("org/m", None),
    ):
        raise error
    assert told in str(caught.value)


REASONS = {
    "number": (OSError(28, "No space left on device"), "No space left on device"),
    "aside": (OSError("[SSL: X] verify failed (_ssl.c:1006)"), "[SSL: X] verify failed"),
    "lines": (OSError("\n\nfirst. second\nthird"), "first"),
    "address": (OSError("No http://127.0.0.1:1/x?y=z#0 there."), "No the hub there"),
    "scheme": (OSError("It has no 'http://' or 'https://'."), "It has no 'http://' or 'https://'"),
    "nothing": (TimeoutError(), "TimeoutError"),
    "long": (OSError("word " * 100), " ".join(["word"] * 31) + "..."),
}


@pytest.mark.parametrize(("error", "expected"), REASONS.values(), ids=REASONS.keys())
def test_reasons_are_short(error, expected):
    """One line without numbers, addresses and asides."""
    assert reason(error) == expected
