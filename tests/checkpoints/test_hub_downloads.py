"""registry.checkpoints.hub.download against a hub that lies: what is kept is right, and kept in the cache alone."""

import gzip
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.utils import _http
from lies import (
    CIRCLE,
    DRIP,
    FILES,
    NO_HUB,
    OTHER,
    RIGHT,
    SILENT,
    UNREACHABLE,
    WEIGHTS,
    Outcome,
    check,
    check_reading,
    good_head,
    good_part,
    headed,
    in_turns,
    moved,
    outcome,
    saying,
    weights_only,
)
from lying_hub import CLOSE, RESET, Asked, Liar, answer, dripping, part, silent

DAMAGED = Outcome("HubFileDamaged", "with another content than it states (its digest is not ")
LIMITED = Outcome("HubRateLimited", "")


def weights(lie: Any) -> Any:
    """Lie about the content of the weights."""
    return weights_only(lie, good_part)


def cut(asked: Asked) -> list[bytes]:
    """End the connection in the middle of the content."""
    return [part(asked, status="200 OK", Content_Range=None)[: -len(WEIGHTS) // 2], CLOSE]


LIES: dict[str, tuple[dict[str, Any], Outcome]] = {
    "right": ({}, RIGHT),
    "of a store": (
        {"place": weights_only(moved("{elsewhere}{target}", X_Linked_ETag='"store"'), good_head)},
        RIGHT,
    ),
    "elsewhere for the content": ({"content": moved("{elsewhere}{target}")}, RIGHT),
    "in circles": ({"content": moved("{target}")}, CIRCLE),
    "places in circles": ({"place": moved("{target}")}, UNREACHABLE),
    "other bytes": ({"content": weights(lambda a: [part(a, OTHER, "200 OK")])}, DAMAGED),
    "other bytes of a config": (
        {
            "content": lambda a: [part(a, a.content[::-1], "200 OK")],
            "place": headed(ETag=f'"{"1" * 40}"'),
        },
        DAMAGED,
    ),
    "an ETag of another kind": ({"place": headed(ETag='"abc"')}, RIGHT),
    "a path for an ETag": ({"place": headed(ETag='"../../../../x"')}, RIGHT),
    "an absolute path for an ETag": ({"place": headed(ETag='"/tmp/x"')}, RIGHT),
    "dots for an ETag": ({"place": headed(ETag='".."')}, RIGHT),
    "no ETag": ({"place": headed(ETag=None)}, UNREACHABLE),
    "a path for a commit": ({"place": headed(X_Repo_Commit="../../x")}, UNREACHABLE),
    "another commit": (
        {"place": headed(X_Repo_Commit="b" * 40)},
        Outcome("HubUnreachable", "another commit"),
    ),
    "short": ({"content": weights(lambda a: [part(a, a.content[:-9], "200 OK")])}, UNREACHABLE),
    "long": ({"content": weights(lambda a: [part(a, a.content + b"x", "200 OK")])}, UNREACHABLE),
    "cut once": (
        {"content": weights(in_turns(lambda a: [part(a, status="200 OK")[:-9], CLOSE], good_part))},
        RIGHT,
    ),
    "cut, and then another file": (
        {
            "content": weights(
                in_turns(cut, lambda a: [part(a, OTHER[slice(*a.span)], ETag='"b"')])
            ),
            "place": headed(ETag='"abc"'),
        },
        Outcome("HubUnreachable", "(the file changed while it was fetched, it was "),
    ),
    "cut, and then another range": (
        {
            "content": weights(
                in_turns(
                    cut,
                    lambda a: [part(a, Content_Range=f"bytes 0-{len(a.part) - 1}/{len(WEIGHTS)}")],
                )
            ),
            "place": headed(ETag='"abc"'),
        },
        Outcome("HubUnreachable", "(it sends another range than was asked for)"),
    ),
    "reset": ({"content": weights(saying(RESET))}, UNREACHABLE),
    "silent": ({"content": weights(silent)}, SILENT),
    "drip": (
        {"content": weights(lambda a: chain([part(a)[: -len(a.part)]], dripping(a.part)(a)))},
        DRIP,
    ),
    "silent about places": ({"place": silent}, SILENT),
    "gzip": (
        {
            "content": weights(
                lambda a: [part(a, gzip.compress(a.part), "200 OK", Content_Encoding="gzip")]
            )
        },
        RIGHT,
    ),
    "429 for ever": ({"content": weights(saying(answer("429 No", Retry_After=10**9)))}, LIMITED),
    "429 for a while, again and again": (
        {"content": weights(saying(answer("429 No", Retry_After=90)))},
        LIMITED,
    ),
    "429 for ever about places": ({"place": saying(answer("429 No", Retry_After=10**9))}, LIMITED),
    "500 of a list": (
        {"content": weights(saying(answer("500 No", b"[1]", Content_Type="application/json")))},
        Outcome("HubFailing", ""),
    ),
    "xet elsewhere": (
        {"place": headed(X_Xet_Hash="f" * 64, X_Xet_Refresh_Route="{elsewhere}/api/xet")},
        RIGHT,
    ),
    "a login page": ({"place": saying(answer("200 OK"))}, UNREACHABLE),
    "no hub": ({"listing": saying(answer("200 OK"))}, NO_HUB),
}


@pytest.mark.parametrize(("lies", "expected"), LIES.values(), ids=LIES.keys())
def test_lies(tmp_path, capfd, lies, expected):
    """The right files, or one sentence; no token elsewhere, no file beside the cache, nothing printed."""
    home = tmp_path / "a" / "b" / "c" / "home"
    factory = _http._GLOBAL_CLIENT_FACTORY
    with Liar(FILES, **lies) as liar:
        check_reading(liar, home, expected, download=True)
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and home not in path.parents]
    assert outside == []
    assert not Path("/tmp/x").exists()
    assert capfd.readouterr() == ("", "")
    assert _http._GLOBAL_CLIENT_FACTORY is factory


def test_what_is_damaged_is_not_kept(tmp_path):
    """Once the hub sends the right bytes they are fetched."""
    lie = weights(in_turns(lambda a: [part(a, OTHER, "200 OK")], good_part))
    with Liar(FILES, content=lie) as liar:
        check(outcome(liar, tmp_path, download=True), DAMAGED)
        check(outcome(liar, tmp_path, download=True), RIGHT)
