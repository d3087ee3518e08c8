"""registry.checkpoints.hub against a hub that lies: whatever comes for the list of files."""

import gzip
import json
import zlib
from itertools import chain
from typing import Any

import pytest
from lies import (
    CIRCLE,
    DRIP,
    FILES,
    MUCH,
    NO_COMMIT,
    NO_HUB,
    PACKED,
    REFUSED,
    RIGHT,
    SILENT,
    UNREACHABLE,
    Outcome,
    check,
    check_reading,
    good_list,
    in_turns,
    moved,
    outcome,
    saying,
)
from lying_hub import (
    CLOSE,
    COMMIT,
    RESET,
    Liar,
    answer,
    dripping,
    listed,
    silent,
)

JSON = {"Content_Type": "application/json"}


def content_of(names: object, sha: object = COMMIT) -> bytes:
    return listed(names, sha).partition(b"\r\n\r\n")[2]


def bomb(pack: Any) -> bytes:
    """100 MB of blanks before a good list, in some 100 kB."""
    return pack(b" " * 100_000_000 + content_of(sorted(FILES)))


LISTS: dict[str, tuple[Any, Outcome]] = {
    "right": (good_list, RIGHT),
    "without a length": (
        saying(b"HTTP/1.1 200 OK\r\n\r\n" + content_of(sorted(FILES)), CLOSE),
        RIGHT,
    ),
    "in chunks": (
        saying(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"%x\r\n%s\r\n0\r\n\r\n" % (len(content_of(sorted(FILES))), content_of(sorted(FILES)))
        ),
        RIGHT,
    ),
    "gzip": (
        saying(answer("200 OK", gzip.compress(content_of(sorted(FILES))), Content_Encoding="gzip")),
        RIGHT,
    ),
    "deflate": (
        saying(
            answer("200 OK", zlib.compress(content_of(sorted(FILES))), Content_Encoding="deflate")
        ),
        RIGHT,
    ),
    "bad gzip": (
        saying(answer("200 OK", b"no gzip", Content_Encoding="gzip")),
        Outcome("HubUnreachable", "damages it"),
    ),
    "gzip bomb": (saying(answer("200 OK", bomb(gzip.compress), Content_Encoding="gzip")), MUCH),
    "deflate bomb": (
        saying(answer("200 OK", bomb(zlib.compress), Content_Encoding="deflate")),
        MUCH,
    ),
    "brotli": (saying(answer("200 OK", b"abc", Content_Encoding="br")), PACKED),
    "zstd": (saying(answer("200 OK", b"abc", Content_Encoding="zstd")), PACKED),
    "twice": (saying(answer("200 OK", b"abc", Content_Encoding="gzip, gzip")), PACKED),
    "large": (saying(answer("200 OK", b" " * (3 << 20))), MUCH),
    "endless blanks": (
        lambda _: (b"HTTP/1.1 200 OK\r\n\r\n" if i == 0 else b" " * 65536 for i in range(10**6)),
        MUCH,
    ),
    "1,001 names": (
        saying(listed([f"{i}.bin" for i in range(1001)])),
        Outcome("HubListRefused", "it has 1,001 names"),
    ),
    "51 shards": (
        saying(listed([f"model-{i:05d}-of-00051.safetensors" for i in range(1, 52)])),
        Outcome("HubTooManyFiles", "has 51 files of weights, and 50 are the most"),
    ),
    "silent": (silent, SILENT),
    "drip": (dripping(answer("200 OK", b" " * 200), 0.03), SILENT),
    "drip of content": (
        lambda asked: chain([b"HTTP/1.1 200 OK\r\n\r\n"], dripping(b" " * 200)(asked)),
        DRIP,
    ),
    "closed": (
        saying(CLOSE),
        Outcome("HubUnreachable", "(Server disconnected without sending a response)"),
    ),
    "reset": (saying(RESET), UNREACHABLE),
    "reset in the headers": (saying(b"HTTP/1.1 200 OK\r\nA: b", RESET), UNREACHABLE),
    "reset in the content": (saying(listed(sorted(FILES))[:-5], RESET), UNREACHABLE),
    "cut": (saying(listed(sorted(FILES))[:-5], CLOSE), UNREACHABLE),
    "no HTTP": (saying(b"SSH-2.0-OpenSSH_9.6\r\n", CLOSE), UNREACHABLE),
    "HTTP/0.9": (saying(b"<html>hello</html>", CLOSE), UNREACHABLE),
    "status of words": (saying(b"HTTP/1.1 abc def\r\n\r\n", CLOSE), UNREACHABLE),
    "status 999": (saying(answer("999 What")), Outcome("HubFailing", "999")),
    "status 99": (saying(b"HTTP/1.1 99 What\r\n\r\n", CLOSE), UNREACHABLE),
    "continue": (saying(b"HTTP/1.1 100 Continue\r\n\r\n", listed(sorted(FILES))), RIGHT),
    "always continue": (
        lambda asked: (
            b"HTTP/1.1 100 Continue\r\n\r\n" for _ in iter(lambda: asked.closing.wait(0.01), True)
        ),
        SILENT,
    ),
    "headers of 1 MB": (saying(b"HTTP/1.1 200 OK\r\nA: " + b"a" * (1 << 20)), UNREACHABLE),
    "100,000 headers": (saying(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 100_000), UNREACHABLE),
    "a login page": (
        saying(answer("200 OK", b"<html>Log in</html>", Content_Type="text/html")),
        NO_HUB,
    ),
    "nothing": (saying(answer("200 OK")), NO_HUB),
    "204": (saying(b"HTTP/1.1 204 No Content\r\n\r\n"), NO_HUB),
    "304": (saying(b"HTTP/1.1 304 Not Modified\r\n\r\n"), UNREACHABLE),
    "deep": (saying(answer("200 OK", b"[" * 100_000)), NO_HUB),
    "another encoding": (saying(answer("200 OK", b"\xff\xfe{}")), NO_HUB),
    "a list": (saying(answer("200 OK", b"[]")), NO_COMMIT),
    "null": (saying(answer("200 OK", b"null")), NO_COMMIT),
    "digits": (saying(answer("200 OK", b"9" * 10_000)), NO_HUB),
    "sha null": (saying(listed([], None)), NO_COMMIT),
    "sha a number": (saying(listed([], 17)), NO_COMMIT),
    "sha a path": (saying(listed([], "../../../../" + "a" * 40)), NO_COMMIT),
    "sha a list": (saying(listed([], [COMMIT])), NO_COMMIT),
    "no siblings": (saying(listed(None)), Outcome("NoWeights", "")),
    "siblings a number": (saying(listed(7)), REFUSED),
    "siblings a text": (saying(listed("model.safetensors")), REFUSED),
    "siblings an object": (saying(listed({"rfilename": "model.safetensors"})), REFUSED),
    "no name": (saying(listed([None])), REFUSED),
    "a number": (saying(listed([7])), REFUSED),
    "up": (saying(listed(["../model.safetensors"])), REFUSED),
    "up within": (saying(listed(["a/../../model.safetensors"])), REFUSED),
    "absolute": (saying(listed(["/model.safetensors"])), REFUSED),
    "empty": (saying(listed([""])), REFUSED),
    "NUL": (saying(listed(["model\x00.safetensors"])), REFUSED),
    "half a pair": (saying(listed(["model\ud800.safetensors"])), REFUSED),
    "long": (saying(listed(["a" * 10_000 + ".safetensors"])), REFUSED),
    "400": (
        saying(answer("400 Bad Request")),
        Outcome("HubUnreachable", "(it answers 400, bad request)"),
    ),
    "401": (saying(answer("401 Unauthorized")), Outcome("HubLoginNeeded", "")),
    "404": (
        saying(answer("404 Not Found", X_Error_Code="RepoNotFound")),
        Outcome("HubModelNotFound", ""),
    ),
    "500 of a list": (saying(answer("500 Oops", b"[1]", **JSON)), Outcome("HubFailing", "")),
    "500 of a text": (saying(answer("500 Oops", b'"oops"', **JSON)), Outcome("HubFailing", "")),
    "500 of null": (saying(answer("500 Oops", b"null", **JSON)), Outcome("HubFailing", "")),
    "500 of errors": (
        saying(answer("500 Oops", b'{"errors": [1]}', **JSON)),
        Outcome("HubFailing", ""),
    ),
    "500 endless": (
        lambda _: (b"HTTP/1.1 500 Oops\r\n\r\n" if i == 0 else b" " * 65536 for i in range(10**6)),
        Outcome("HubFailing", ""),
    ),
    "a message with escapes": (
        saying(answer("403 No", X_Error_Message="a\x1b[31mred " + "x" * 500)),
        Outcome("HubForbidden", "forbidden: a [31mred...)"),
    ),
    "503 once": (in_turns(saying(answer("503 Busy")), good_list), RIGHT),
    "500, 502, 503, 504, 408": (
        in_turns(
            *[saying(answer(f"{status} No")) for status in (500, 502, 503, 504, 408)], good_list
        ),
        RIGHT,
    ),
    "429 for 2 seconds": (in_turns(saying(answer("429 Slow", Retry_After=2)), good_list), RIGHT),
    "429 until then": (
        in_turns(
            saying(answer("429 Slow", Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")), good_list
        ),
        RIGHT,
    ),
    "429 for ever": (
        saying(answer("429 Slow", Retry_After="9" * 5000)),
        Outcome("HubRateLimited", ""),
    ),
    "429 until 9999": (
        saying(answer("429 Slow", Retry_After="Wed, 21 Oct 9999 07:28:00 GMT")),
        Outcome("HubRateLimited", ""),
    ),
    "429 until whenever": (
        saying(answer("429 Slow", Retry_After="tomorrow")),
        Outcome("HubRateLimited", ""),
    ),
    "429 before": (saying(answer("429 Slow", Retry_After="-5")), Outcome("HubRateLimited", "")),
    "elsewhere": (moved("{elsewhere}{target}"), RIGHT),
    "itself": (moved("{here}{target}"), CIRCLE),
    "relative": (in_turns(moved("{target}"), good_list), RIGHT),
    "nine hops": (in_turns(*[moved("{target}")] * 9, good_list), RIGHT),
    "fifty hops": (in_turns(*[moved("{target}")] * 50, good_list), CIRCLE),
    "no location": (saying(answer("302 Found")), UNREACHABLE),
    "a location of blanks": (saying(answer("302 Found", Location="  ")), UNREACHABLE),
    "a bad location": (saying(answer("302 Found", Location="http://[::1")), UNREACHABLE),
    "a bad port": (saying(answer("302 Found", Location="http://127.0.0.1:99999/")), UNREACHABLE),
    "a file": (
        moved("file:///etc/passwd"),
        Outcome("HubUnreachable", "(it redirects to an address of file:)"),
    ),
    "ftp": (
        moved("ftp://127.0.0.1/x"),
        Outcome("HubUnreachable", "(it redirects to an address of ftp:)"),
    ),
    "https": (moved("https://127.0.0.1:9/x"), UNREACHABLE),
    "nowhere": (moved("{nowhere}/x"), UNREACHABLE),
    "300": (saying(answer("300 Choose", Location="/x")), UNREACHABLE),
    "a redirect that never ends": (
        lambda _: (
            b"HTTP/1.1 302 Found\r\nLocation: /api/x\r\n\r\n" if i == 0 else b" " * 65536
            for i in range(10**6)
        ),
        CIRCLE,
    ),
}


@pytest.mark.parametrize(("lie", "expected"), LISTS.values(), ids=LISTS.keys())
def test_lies(tmp_path, lie, expected):
    """Whatever comes for the list of files: within limits of bytes, names and seconds."""
    with Liar(FILES, listing=lie) as liar:
        check_reading(liar, tmp_path, expected)


@pytest.mark.parametrize("download", [False, True], ids=["ranges", "download"])
def test_an_index_of_too_many_shards(tmp_path, download):
    """It is refused before any of them is asked for, whatever they are called."""
    shards = [f"{i}.safetensors" for i in range(51)]
    index = json.dumps({"weight_map": {name: name for name in shards}}).encode()
    files = dict.fromkeys(shards, b"x") | {"model.safetensors.index.json": index}
    with Liar(files) as liar:
        found = outcome(liar, tmp_path, download=download)
        check(found, Outcome("HubTooManyFiles", "has 51 files of weights"))
        assert {asked.name for asked in liar.asked} <= {"", "model.safetensors.index.json"}


def test_an_index_of_shards_that_are_not_there(tmp_path):
    """The first of them is named, and none is asked for."""
    index = json.dumps(
        {"weight_map": {f"t{i}": f"{i}.safetensors" for i in range(10_000)}}
    ).encode()
    with Liar({"model.safetensors.index.json": index}) as liar:
        check(outcome(liar, tmp_path), Outcome("MissingShard", "names the shard '0.safetensors'"))
        assert len(liar.asked) < 10
