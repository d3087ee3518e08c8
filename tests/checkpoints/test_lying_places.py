"""registry.checkpoints.hub against a hub that lies: whatever is said of where a file is."""

from typing import Any

import pytest
from lies import (
    CIRCLE,
    FILES,
    NO_HUB,
    RIGHT,
    SILENT,
    UNREACHABLE,
    WEIGHTS,
    Outcome,
    check,
    check_reading,
    good_head,
    headed,
    in_turns,
    moved,
    outcome,
    saying,
    weights_only,
)
from lying_hub import Liar, answer, dripping, head, silent

from registry.checkpoints.hub import limits

NO_LENGTH = Outcome("HubWithoutRanges", "(it does not tell the file's length)")


PLACED: dict[str, tuple[Any, Outcome]] = {
    "no commit": (headed(X_Repo_Commit=None), NO_HUB),
    "another commit": (headed(X_Repo_Commit="b" * 40), NO_HUB),
    "a commit that is a path": (headed(X_Repo_Commit="../../" + "a" * 40), NO_HUB),
    "no length": (headed(Content_Length=None), NO_LENGTH),
    "negative": (headed(X_Linked_Size=-5), RIGHT),  # Content-Length is right
    "negative alone": (headed(Content_Length=-5), UNREACHABLE),
    "negative of a store": (moved("{elsewhere}{target}", X_Linked_Size=-5), NO_LENGTH),
    "absent of a store": (moved("{elsewhere}{target}", X_Linked_Size=None), NO_LENGTH),
    "words of a store": (moved("{elsewhere}{target}", X_Linked_Size="many"), NO_LENGTH),
    "10^30 of a store": (moved("{elsewhere}{target}", X_Linked_Size=10**30), NO_LENGTH),
    "10^17 of a store": (moved("{elsewhere}{target}", X_Linked_Size=10**17), NO_LENGTH),
    "a fraction of a store": (moved("{elsewhere}{target}", X_Linked_Size="1e3"), NO_LENGTH),
    "other digits of a store": (moved("{elsewhere}{target}", X_Linked_Size="\xb2"), NO_LENGTH),
    "zero": (headed(X_Linked_Size=0), Outcome("BrokenFile", "")),
    "too small": (
        headed(X_Linked_Size=len(WEIGHTS) - 1000),
        Outcome("HubWithoutRanges", "it sends bytes"),
    ),
    "too large": (
        headed(X_Linked_Size=len(WEIGHTS) + 1000),
        Outcome("HubWithoutRanges", "it sends bytes"),
    ),
    "two lengths": (
        weights_only(
            lambda a: [head(a).replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n")], good_head
        ),
        UNREACHABLE,
    ),
    "a store": (moved("{elsewhere}{target}"), RIGHT),
    "no slashes": (moved("//127.0.0.1:9/x"), UNREACHABLE),
    "a hop at the hub": (in_turns(moved("{target}"), good_head), RIGHT),
    "a circle": (moved("{target}"), CIRCLE),
    "another hub": (moved("{elsewhere}{target}", X_Repo_Commit=None), RIGHT),
    "with a password": (moved("http://user:password@127.0.0.1:9{target}"), UNREACHABLE),
    "a file": (moved("file:///etc/passwd"), UNREACHABLE),
    "ftp": (moved("ftp://127.0.0.1/x"), UNREACHABLE),
    "no address": (moved("http://[::1"), UNREACHABLE),
    "silent": (silent, SILENT),
    "drip": (dripping(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 99, 0.03), SILENT),
    "a login page": (saying(answer("200 OK")), NO_HUB),
    "401": (saying(answer("401 No")), Outcome("HubLoginNeeded", "")),
    "403": (saying(answer("403 No")), Outcome("HubForbidden", "")),
    "404": (saying(answer("404 No", X_Error_Code="EntryNotFound")), UNREACHABLE),
    "503 twice": (in_turns(*[saying(answer("503 Busy"))] * 2, good_head), RIGHT),
    "ETag of quotes": (headed(ETag='"""'), RIGHT),
    "ETag that is a path": (headed(ETag='"../../../x"'), RIGHT),
    "no ETag": (headed(ETag=None), RIGHT),
    "ETag of two lines": (headed(ETag='"a\r\nX-Repo-Commit: bbb"'), NO_HUB),
    "a warning": (headed(X_HF_Warning="topic; \x1b[31mhello"), RIGHT),
}


@pytest.mark.parametrize(("lie", "expected"), PLACED.values(), ids=PLACED.keys())
def test_lies(tmp_path, capfd, lie, expected):
    """Whatever is said of where a file is: and nothing else is printed."""
    with Liar(FILES, place=lie) as liar:
        check_reading(liar, tmp_path, expected)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("download", [False, True], ids=["ranges", "download"])
def test_json_that_is_too_long(tmp_path, monkeypatch, download):
    """It is refused, by ranges before it is read."""
    monkeypatch.setattr(limits, "JSON_BYTES", 1000)
    with Liar(FILES | {"config.json": b"{" + b" " * 1000 + b"}"}) as liar:
        found = outcome(liar, tmp_path, download=download)
        check(
            found,
            Outcome(
                "BrokenJSON", "'org/model/config.json' is not the JSON it should be (its 1,002"
            ),
        )
        assert download or not [
            asked
            for asked in liar.asked
            if asked.stage == "content" and asked.name == "config.json"
        ]
