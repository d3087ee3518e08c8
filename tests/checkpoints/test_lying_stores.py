"""registry.checkpoints.hub where a hub redirects to a store whose addresses end or lead to another file."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from lies import (
    CHANGED,
    FILES,
    OTHER,
    RIGHT,
    WEIGHTS,
    Outcome,
    check,
    good_head,
    good_part,
    outcome,
    weights_only,
)
from lying_hub import COMMIT, Asked, Liar, answer, etag, part

EXPIRED = answer("403 Forbidden")
SHORTER = WEIGHTS[:-4]


def place_at(store: Liar, etags: list[str], sizes: list[int]) -> Any:
    """Tell where the weights are: each time at an address of its own, and of the next version."""
    numbers = count()

    def tell(asked: Asked) -> list[bytes]:
        number = next(numbers)
        headers = {
            "X_Repo_Commit": COMMIT,
            "X_Linked_ETag": etags[min(number, len(etags) - 1)],
            "X_Linked_Size": sizes[min(number, len(sizes) - 1)],
        }
        location = f"{store.url}{asked.target}?signature={number}"
        return [answer("302 Found", Location=location, **headers)]

    return weights_only(tell, good_head)


def signature(asked: Asked) -> str:
    """The number of the address that was asked."""
    return asked.target.rpartition("=")[2]


def serves_once(content: Callable[[str], bytes], tag: Callable[[str], str]) -> Any:
    """Serve one range of each address."""
    seen: set[str] = set()

    def serve(asked: Asked) -> list[bytes]:
        number = signature(asked)
        if number in seen:
            return [EXPIRED]
        seen.add(number)
        return [part(asked, content(number)[slice(*asked.span)], ETag=tag(number))]

    return serve


def never(_: Asked) -> list[bytes]:
    """Serve nothing."""
    return [EXPIRED]


STORES: dict[str, tuple[Any, list[str], list[int], Outcome]] = {
    "for one range each": (
        serves_once(lambda _: WEIGHTS, lambda _: '"a"'),
        ['"a"'],
        [len(WEIGHTS)],
        RIGHT,
    ),
    "then another file": (
        serves_once(lambda number: WEIGHTS if number == "0" else OTHER, lambda _: '"a"'),
        ['"a"', '"b"'],
        [len(WEIGHTS)],
        CHANGED,
    ),
    "then another file, as the store says": (
        serves_once(
            lambda number: WEIGHTS if number == "0" else OTHER,
            lambda number: '"a"' if number == "0" else '"b"',
        ),
        ['"a"'],
        [len(WEIGHTS)],
        CHANGED,
    ),
    "then a shorter file": (
        serves_once(lambda number: WEIGHTS if number == "0" else SHORTER, lambda _: '"a"'),
        ['"a"'],
        [len(WEIGHTS), len(SHORTER)],
        Outcome("HubFileChanged", "bytes, it has "),
    ),
    "that serve nothing": (never, ['"a"'], [len(WEIGHTS)], Outcome("HubForbidden", "")),
    "as hubs do, of another kind of ETag": (good_part, ['"linked"'], [len(WEIGHTS)], RIGHT),
}


@pytest.mark.parametrize(
    ("serve", "etags", "sizes", "expected"), STORES.values(), ids=STORES.keys()
)
def test_addresses(tmp_path, serve, etags, sizes, expected):
    """Addresses that expire are asked for anew, within bounds, and never lead to another file."""

    def at_hub(asked: Asked) -> list[bytes]:
        return [EXPIRED] if asked.name == "model.safetensors" else [part(asked)]

    with Liar(FILES, content=serve) as store, Liar(FILES, content=at_hub) as hub:
        hub.place = place_at(store, etags, sizes)
        check(outcome(hub, tmp_path), expected)
        assert len(store.asked) + len(hub.asked) < 60
        assert store.tokens == set()


def test_the_version_of_every_shard_is_its_own(tmp_path):
    """Files differ in their ETags, one file does not."""
    assert etag(WEIGHTS) != etag(FILES["config.json"])
    with Liar(FILES) as liar:
        check(outcome(liar, tmp_path), RIGHT)
