"""registry.checkpoints.hub.patience: what is said while a hub is waited for, and for how long it is."""

import logging
from itertools import chain, repeat
from types import SimpleNamespace

import pytest
from lies import (
    FILES,
    RIGHT,
    SILENCE,
    WEIGHTS,
    Outcome,
    check,
    good_part,
    in_turns,
    outcome,
    saying,
    weights_only,
)
from lying_hub import CLOSE, Liar, answer, part, silent

from registry.checkpoints.hub import exchange, limits, patience
from registry.checkpoints.hub.errors import HTTP
from registry.checkpoints.hub.patience import patiently

WAITS = "Waiting for an answer of 127.0.0.1 for 0.05 s; giving up after 1 s."


@pytest.fixture(autouse=True)
def _unsaid(monkeypatch) -> None:
    """Nothing was said yet."""
    monkeypatch.setattr(patience, "last_notice", [-1e9])


def said(caplog) -> list[str]:
    """What a user was told."""
    return [record.getMessage() for record in caplog.records if record.name == "registry"]


LIES = {
    "short": {"content": weights_only(lambda a: [part(a)[:-9], CLOSE], good_part)},
    "busy": {"listing": saying(answer("503 Busy"))},
    "limited": {"place": in_turns(saying(answer("429 No", Retry_After=7)))},
}
SAID = {
    "short": "The hub does not give 'org/model' yet (peer closed connection without sending complete "
    "message body); trying again in 1 s.",
    "busy": "The hub does not give 'org/model' yet (it answers 503, service unavailable); trying again in 1 s.",
    "limited": "The hub does not give 'org/model' yet (it answers 429, too many requests, try again in "
    "7 seconds); trying again in 7 s.",
}


@pytest.mark.parametrize("kind", LIES)
def test_retries_are_told(tmp_path, caplog, kind):
    """Once, and not again for QUIET seconds, by however many parts of a file."""
    with Liar(FILES, **LIES[kind]) as liar, caplog.at_level(logging.WARNING, "registry"):
        outcome(liar, tmp_path)
    assert said(caplog) == [SAID[kind]]


@pytest.mark.parametrize("download", [False, True], ids=["ranges", "download"])
def test_silence_is_told(tmp_path, caplog, download):
    """A hub that does not answer is waited for, with words."""
    shorter = SILENCE | {(exchange, "SAID_AFTER"): 0.05}
    with Liar(FILES, listing=silent) as liar, caplog.at_level(logging.WARNING, "registry"):
        outcome(liar, tmp_path, download=download, shorter=shorter)
    assert said(caplog) == [WAITS]


def test_what_goes_well_is_not_told(tmp_path, caplog):
    """Nothing is said where nothing is waited for, or one attempt at once helps."""
    once = in_turns(lambda a: [part(a)[:-9], CLOSE], good_part)
    with Liar(FILES, content=weights_only(once, good_part)) as liar:
        check(outcome(liar, tmp_path), RIGHT)
    assert len(WEIGHTS) > 0
    assert said(caplog) == []


def test_silence_is_not_waited_for_again_and_again(monkeypatch):
    """Attempts that end in silence end once they have taken LOST_SECONDS in all."""
    seconds = iter(range(0, 10_000, 10))
    clock = SimpleNamespace(monotonic=lambda: next(seconds), sleep=lambda _: None)
    monkeypatch.setattr(patience, "time", clock)  # of other threads it stays the machine's
    attempts = []

    def attempt() -> None:
        attempts.append(1)
        raise HTTP.ReadTimeout("timed out")

    with pytest.raises(HTTP.ReadTimeout, match="timed out"):
        patiently(attempt, "org/model")
    assert len(attempts) == 4


def test_a_list_that_takes_long(tmp_path, monkeypatch):
    """At a pace that is right for a file, a list is given up on after LIST_SECONDS."""
    monkeypatch.setattr(limits, "LIST_SECONDS", 0.3)
    pieces = chain([b"HTTP/1.1 200 OK\r\n\r\n"], repeat(b" " * 2000))

    def tell(asked):
        for piece in pieces:
            yield piece
            if asked.closing.wait(0.02):
                return

    with Liar(FILES, listing=tell) as liar:
        check(
            outcome(liar, tmp_path), Outcome("HubUnreachable", "(it takes longer than 0.3 seconds)")
        )
